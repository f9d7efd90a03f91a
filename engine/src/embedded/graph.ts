/** An ONNX graph, loaded for one thread, with its names checked. The only file that creates onnxruntime sessions. */
import { AloudError } from "@aloud/client/protocol";
import { InferenceSession, Tensor } from "onnxruntime-node";

export type Tensors = Readonly<Record<string, Tensor>>;

/** A tensor input of a graph; symbolic dimensions are 0, which is where growing state starts. */
export interface GraphInput {
  readonly name: string;
  readonly type: Tensor.Type;
  readonly shape: readonly number[];
}

export interface Graph {
  readonly inputs: readonly GraphInput[];
  readonly outputNames: readonly string[];
  /** Runs on the calling thread and blocks it. Outputs are fresh tensors, never changed again. */
  run(feeds: Tensors, outputs: readonly string[]): Promise<Tensors>;
  release(): Promise<void>;
}

/**
 * One thread per graph: with more, onnxruntime's threads spin and cost two to three times the CPU for nothing at these sizes.
 * @throws AloudError `model_invalid` when the file is no graph or lacks an input or output
 */
export async function loadGraph(path: string, required: { inputs: readonly string[]; outputs: readonly string[] }): Promise<Graph> {
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(path, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new AloudError("model_invalid", `${path} cannot be loaded as an ONNX graph`, { cause: error });
  }
  const lacks = [
    ...required.inputs.filter((name) => !session.inputNames.includes(name)).map((name) => `input ${name}`),
    ...required.outputs.filter((name) => !session.outputNames.includes(name)).map((name) => `output ${name}`),
  ];
  if (lacks.length > 0) throw new AloudError("model_invalid", `${path} lacks ${lacks.join(", ")}`);
  return {
    inputs: session.inputMetadata.flatMap((meta) =>
      meta.isTensor
        ? [{ name: meta.name, type: meta.type, shape: meta.shape.map((dim) => (typeof dim === "number" ? Math.max(0, dim) : 0)) }]
        : [],
    ),
    outputNames: session.outputNames,
    run: (feeds, outputs) => session.run(feeds, outputs),
    release: () => session.release(),
  };
}

export function zeros({ type, shape }: GraphInput): Tensor {
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (type === "float32") return new Tensor("float32", new Float32Array(size), shape);
  if (type === "int64") return new Tensor("int64", new BigInt64Array(size), shape);
  throw new AloudError("model_invalid", `a state of type ${type} is not supported; expected float32 or int64`);
}

/** The tensor of that name, as float32 data and shape. @throws AloudError `model_invalid` */
export function float32Of(tensors: Tensors, name: string): { data: Float32Array; dims: readonly number[] } {
  const tensor = tensors[name];
  if (tensor?.data instanceof Float32Array) return { data: tensor.data, dims: tensor.dims };
  throw new AloudError("model_invalid", `output ${name}: expected a float32 tensor, got ${tensor?.type ?? "nothing"}`);
}
