/** An ONNX graph, loaded for one thread, with its names checked. The only file that creates onnxruntime sessions. */
import { AloudError } from "@aloud/client/protocol";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { startProfile } from "./profile.ts";
import { cudaIndex, cudaProblem, executionProviders, hasCudaProvider, type Placement } from "./provider.ts";

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

export interface LoadedGraph extends Graph {
  /** What of the runs so far ran where; counting ends with it. Empty where nothing is counted. */
  placement(): Placement;
}

export interface GraphRequest {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** `cpu`, `cpu:1`, `cuda:0`, …; default `cpu`. */
  readonly device?: string;
  /** Count what runs where. Default: on a GPU, since what CUDA has no kernel for runs on the processor. */
  readonly profiled?: boolean;
}

/**
 * One thread per graph: with more, onnxruntime's threads spin and cost two to three times the CPU for nothing at these sizes.
 * @throws AloudError `model_invalid` when the file is no graph or lacks an input or output; `engine_unavailable` when the device cannot be used
 */
export async function loadGraph(path: string, { device = "cpu", profiled, ...required }: GraphRequest): Promise<LoadedGraph> {
  const onGpu = cudaIndex(device) !== undefined;
  if (onGpu && !hasCudaProvider()) throw new AloudError("engine_unavailable", cudaProblem(device));
  const profile = (profiled ?? onGpu) ? startProfile() : undefined;
  let session: InferenceSession;
  try {
    // Counts GPUs as nvidia-smi does, unless the operator's environment says otherwise.
    if (onGpu) process.env.CUDA_DEVICE_ORDER ??= "PCI_BUS_ID";
    session = await InferenceSession.create(path, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      logSeverityLevel: 3,
      executionProviders: executionProviders(device),
      ...profile?.options,
    });
  } catch (error) {
    profile?.drop();
    // onnxruntime tells the two apart in words only.
    const said = error instanceof Error ? error.message : "";
    if (onGpu && /cuda|cudnn|cublas/iu.test(said)) throw new AloudError("engine_unavailable", cudaProblem(device, said), { cause: error });
    throw new AloudError("model_invalid", `${path} cannot be loaded as an ONNX graph`, { cause: error });
  }
  const lacks = [
    ...required.inputs.filter((name) => !session.inputNames.includes(name)).map((name) => `input ${name}`),
    ...required.outputs.filter((name) => !session.outputNames.includes(name)).map((name) => `output ${name}`),
  ];
  if (lacks.length > 0) profile?.drop();
  if (lacks.length > 0) throw new AloudError("model_invalid", `${path} lacks ${lacks.join(", ")}`);
  return {
    inputs: session.inputMetadata.flatMap((meta) =>
      meta.isTensor
        ? [{ name: meta.name, type: meta.type, shape: meta.shape.map((dim) => (typeof dim === "number" ? Math.max(0, dim) : 0)) }]
        : [],
    ),
    outputNames: session.outputNames,
    run: (feeds, outputs) => session.run(feeds, outputs),
    placement: () => profile?.end(session) ?? {},
    async release() {
      await session.release();
      profile?.drop();
    },
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
