/** What a person sees, whole: the three machines of the Step-Audio-R1 guide, and what does not fit. */
import { readStepAudioTemplate } from "@aloud/engine/vllm";
import { describe, expect, test } from "vitest";
import { parseGpus } from "./cards.ts";
import { composeFile, readyFile } from "./compose-file.ts";
import { fitAll, type Wishes } from "./fit.ts";
import { findModel } from "./models.ts";
import { proposed, type Report, render, renderNone, toJson } from "./report.ts";

function report(gpu: string, model?: string, wishes: Wishes = {}): Report {
  const groups = parseGpus(gpu);
  return { groups, described: gpu, fits: fitAll(groups, wishes), wanted: model === undefined ? undefined : findModel(model), wishes };
}

function placement(gpu: string, model?: string, wishes?: Wishes) {
  const found = proposed(report(gpu, model, wishes));
  if (found === undefined) throw new Error("nothing fits");
  return found;
}

describe("the whole screen", () => {
  test("the guide's first machine, one A6000: no bf16, but published 4-bit weights of R1", () => {
    expect(`\n${render(report("A6000:48x1"))}\n`).toBe(String.raw`
1 × A6000 (47.5 GiB usable each), as described; nothing is downloaded or started

  model                        precision weights servers × GPUs      context KV tokens  sessions
  Step-Audio-R1.1              bnb 4-bit?   21 GB 1 × 1 A6000          65,536    88,064        11
→ Step-Audio-R1                nvfp4       22 GB 1 × 1 A6000          62,464    84,336        11
  Qwen3-Omni-30B-A3B-Thinking  fp8         34 GB 1 × 1 A6000          65,536   109,024        14
  MOSS-Audio-8B-Thinking       bf16        17 GB 1 × 1 A6000          32,768   183,296        27
  MOSS-Audio-4B-Thinking       bf16         9 GB 1 × 1 A6000          32,768   237,616        35
  Voxtral-Small-24B            fp8         26 GB 1 × 1 A6000          32,768   109,536        23
  Ultravox-v0.5-Llama-3.1-8B   bf16        17 GB 1 × 1 A6000         131,072   204,448        44
  Voxtral-Mini-3B              bf16         9 GB 1 × 1 A6000          32,768   283,904        61
  Qwen2-Audio-7B-Instruct      bf16        17 GB 1 × 1 A6000           8,192    52,336        11
  ? reported to load, accuracy unknown: proposed only when asked for or when nothing else fits

Step-Audio-R1 in nvfp4 (quantised by TransWithAI) on one A6000; 23 GB to download
  memory   47.5 × 0.92 = 43.7 GiB a card: weights 20.6, reserve 2.5, cache 20.6 (256 KiB a token)
  limits   62,464 tokens a conversation; 11 conversations of 7,424 tokens at a time
  speed    at best 25 ms a token (memory bandwidth); a thought of 2,800 tokens: 70 s or more

docker build -f deploy/vllm.Dockerfile --target stepfun -t aloud/vllm-stepfun:20250909 .
docker run -d --name vllm-0 --gpus '"device=0"' --shm-size 16g -p 127.0.0.1:8000:8000 -e HF_TOKEN \
  -v aloud-models:/var/cache/huggingface aloud/vllm-stepfun:20250909 -- vllm serve \
  TransWithAI/Step-Audio-R1-NVFP4A16 --served-model-name Step-Audio-R1 --max-model-len 62464 \
  --max-num-seqs 22 --gpu-memory-utilization 0.92 --limit-mm-per-prompt '{"audio":512}' \
  --enable-prefix-caching --enable-prompt-tokens-details --scheduling-policy priority \
  --trust-remote-code --interleave-mm-strings \
  --chat-template /etc/aloud/templates/step-audio-r1.jinja
npx aloud serve --engine vllm --model Step-Audio-R1 --url http://localhost:8000
All of it with compose instead: npx aloud plan --gpu A6000:48x1 --compose > deploy/compose/mine.yaml
  docker compose -f deploy/compose/mine.yaml up -d --wait
`);
  });

  test("its second, one H100: bf16, with room for four", () => {
    expect(`\n${render(report("H100:80x1"))}\n`).toBe(String.raw`
1 × H100 (79.1 GiB usable each), as described; nothing is downloaded or started

  model                        precision weights servers × GPUs      context KV tokens  sessions
→ Step-Audio-R1.1              bf16        67 GB 1 × 1 H100           23,552    32,304         4
  Step-Audio-R1                bf16        67 GB 1 × 1 H100           23,552    32,304         4
  Qwen3-Omni-30B-A3B-Thinking  bf16        63 GB 1 × 1 H100           65,536   122,416        16
  MOSS-Audio-8B-Thinking       bf16        17 GB 1 × 1 H100           32,768   394,992        59
  MOSS-Audio-4B-Thinking       bf16         9 GB 1 × 1 H100           32,768   449,312        67
  Voxtral-Small-24B            bf16        49 GB 1 × 1 H100           32,768   163,312        35
  Ultravox-v0.5-Llama-3.1-8B   bf16        17 GB 1 × 1 H100          131,072   442,608        97
  Voxtral-Mini-3B              bf16         9 GB 1 × 1 H100           32,768   537,936       116
  Qwen2-Audio-7B-Instruct      bf16        17 GB 1 × 1 H100            8,192   111,872        23

Step-Audio-R1.1 in bf16 (as published) on one H100; 67 GB to download
  memory   79.1 × 0.92 = 72.8 GiB a card: weights 62.4, reserve 2.5, cache 7.9 (256 KiB a token)
  limits   23,552 tokens a conversation; 4 conversations of 7,424 tokens at a time
           fp8 would hold 20: --precision fp8
  speed    at best 19 ms a token (memory bandwidth); a thought of 2,800 tokens: 54 s or more

docker build -f deploy/vllm.Dockerfile --target stepfun -t aloud/vllm-stepfun:20250909 .
docker run -d --name vllm-0 --gpus '"device=0"' --shm-size 16g -p 127.0.0.1:8000:8000 -e HF_TOKEN \
  -v aloud-models:/var/cache/huggingface aloud/vllm-stepfun:20250909 -- vllm serve \
  stepfun-ai/Step-Audio-R1.1 --served-model-name Step-Audio-R1.1 --max-model-len 23552 \
  --max-num-seqs 8 --gpu-memory-utilization 0.92 --limit-mm-per-prompt '{"audio":512}' \
  --enable-prefix-caching --enable-prompt-tokens-details --scheduling-policy priority \
  --trust-remote-code --interleave-mm-strings \
  --chat-template /etc/aloud/templates/step-audio-r1.jinja
npx aloud serve --engine vllm --model Step-Audio-R1.1 --url http://localhost:8000
All of it with compose instead: docker compose -f deploy/compose/one-gpu.yaml up -d --wait
`);
  });

  test("StepFun's own, four L40S: bf16 split in four", () => {
    expect(`\n${render(report("L40S:48x4"))}\n`).toBe(String.raw`
4 × L40S (44.4 GiB usable each), as described; nothing is downloaded or started

  model                        precision weights servers × GPUs      context KV tokens  sessions
→ Step-Audio-R1.1              bf16        67 GB 1 × 4 L40S           65,536   357,728        48
  Step-Audio-R1                bf16        67 GB 1 × 4 L40S           65,536   357,728        48
  Qwen3-Omni-30B-A3B-Thinking  bf16        63 GB 2 × 2 L40S           65,536   168,368        44
  MOSS-Audio-8B-Thinking       bf16        17 GB 4 × 1 L40S           32,768   162,528        96
  MOSS-Audio-4B-Thinking       bf16         9 GB 4 × 1 L40S           32,768   216,848       128
  Voxtral-Small-24B            bf16        49 GB 2 × 2 L40S           32,768   198,064        84
  Ultravox-v0.5-Llama-3.1-8B   bf16        17 GB 4 × 1 L40S          131,072   181,088       156
  Voxtral-Mini-3B              bf16         9 GB 4 × 1 L40S           32,768   258,976       224
  Qwen2-Audio-7B-Instruct      bf16        17 GB 2 × 2 L40S            8,192   122,576        50

Step-Audio-R1.1 in bf16 (as published) on 4 L40S; 67 GB to download
  memory   44.4 × 0.92 = 40.8 GiB a card: weights 16.5, reserve 2.5, cache 21.8 (256 KiB a token)
  limits   65,536 tokens a conversation; 48 conversations of 7,424 tokens at a time
  speed    at best 19 ms a token (memory bandwidth); a thought of 2,800 tokens: 52 s or more

docker build -f deploy/vllm.Dockerfile --target stepfun -t aloud/vllm-stepfun:20250909 .
docker run -d --name vllm-0 --gpus '"device=0,1,2,3"' --shm-size 16g -p 127.0.0.1:8000:8000 \
  -e HF_TOKEN -v aloud-models:/var/cache/huggingface aloud/vllm-stepfun:20250909 -- vllm serve \
  stepfun-ai/Step-Audio-R1.1 --served-model-name Step-Audio-R1.1 --tensor-parallel-size 4 \
  --max-model-len 65536 --max-num-seqs 96 --gpu-memory-utilization 0.92 \
  --limit-mm-per-prompt '{"audio":512}' --enable-prefix-caching --enable-prompt-tokens-details \
  --scheduling-policy priority --trust-remote-code --interleave-mm-strings \
  --chat-template /etc/aloud/templates/step-audio-r1.jinja
npx aloud serve --engine vllm --model Step-Audio-R1.1 --url http://localhost:8000
All of it with compose instead: docker compose -f deploy/compose/four-gpus.yaml up -d --wait
`);
  });

  test.each(["A6000:48x1", "H100:80x1", "L40S:48x4", "H100:80x8", "T4:16x8", "L4:24x1", "A6000:48x1,L40S:48x4,H100:80x8"])(
    "%s: at most 40 lines of 100 columns, whatever is asked",
    (gpu) => {
      for (const model of [undefined, "step-audio-r1.1", "qwen3-omni", "ultravox"]) {
        for (const wishes of [{}, { sessions: 64 }, { context: 65_536 }]) {
          const lines = render(report(gpu, model, wishes)).split("\n");
          expect(lines.length).toBeLessThanOrEqual(40);
          // The repeated command is as long as what was typed.
          for (const line of lines.filter((each) => !each.includes("npx aloud plan"))) expect(line.length > 100 ? line : "").toBe("");
        }
      }
    },
  );
});

describe("what does not fit", () => {
  test("says why, on what it would, and what does", () => {
    const screen = render(report("RTX4090:24x1", "step-audio-r1.1"));
    expect(screen).toContain("Step-Audio-R1.1 does not fit: 21 GB of weights in bnb 4-bit do not fit beside a cache.");
    expect(screen).toContain("It would on 2 × L40S (bf16): npx aloud plan --gpu L40Sx2 --model step-audio-r1.1");
    expect(screen).toContain("Nearest that does fit here: MOSS-Audio-8B-Thinking");
    // Just this lies there already.
    expect(screen).toContain("docker compose -f deploy/compose/small-gpu.yaml up -d --wait");
    expect(render(report("RTX4090:24x2", "step-audio-r1.1"))).toContain(
      "npx aloud plan --gpu RTX4090:24x2 --model step-audio-r1 --compose > deploy/compose/mine.yaml",
    );
  });

  test("a wish too large is told the largest there is", () => {
    expect(render(report("H100:80x1", "step-audio-r1.1", { sessions: 100 }))).toContain("does not fit: holds 20 sessions at most.");
    expect(render(report("H100:80x1", "qwen2-audio", { context: 10_000 }))).toContain("made for 8,192 tokens of context at most");
  });

  test("nothing at all leaves nano", () => {
    expect(render(report("T4:16x8"))).toContain("nano runs on the processor, with no GPU at all: npm start");
    expect(renderNone("nvidia-smi is not installed")).toContain("No NVIDIA GPU: nvidia-smi is not installed.");
  });

  test("an experiment is proposed only when asked for", () => {
    expect(placement("A6000:48x1").model.id).toBe("step-audio-r1");
    expect(placement("A6000:48x1", "step-audio-r1.1").build.origin).toBe("experimental");
  });
});

describe("for programs", () => {
  test("JSON has every model, with its command on one line or why it does not fit", () => {
    const { models } = JSON.parse(JSON.stringify(toJson(report("L4:24x1")))) as { models: Record<string, unknown>[] };
    expect(models).toHaveLength(9);
    expect(models.find(({ model }) => model === "step-audio-r1")).toMatchObject({ fits: false });
    expect(models.find(({ model }) => model === "moss-audio-4b")).toMatchObject({
      fits: true,
      tensor_parallel: 1,
      kv_bytes_per_token: 147_456,
      server_command: expect.stringMatching(/^docker run .*--reasoning-parser qwen3$/),
    });
  });

  test("the compose file has one service a replica, each with cards of its own, and the gateway knows all", () => {
    const file = composeFile(placement("L40S:48x4", "qwen3-omni"));
    expect(file.match(/device_ids: \[.*?\]/g)).toEqual(['device_ids: ["0", "1"]', 'device_ids: ["2", "3"]']);
    expect(file).toContain("ALOUD_VLLM_URL: http://vllm-0:8000,http://vllm-1:8000");
    expect(file.match(/extends: \{ file: vllm.yaml, service: vllm \}/g)).toHaveLength(2);
  });

  test("a file lies ready for a machine only where it is what would be made for that machine", () => {
    expect(readyFile(placement("L40S:48x4"))).toBe("four-gpus.yaml");
    expect(readyFile(placement("L40S:48x4", "qwen3-omni"))).toBe("replicas.yaml");
    expect(readyFile(placement("L40S:48x4", "qwen3-omni", { context: 32_768 }))).toBeUndefined();
    expect(readyFile(placement("L40S:48x8"))).toBeUndefined();
  });

  test("what compose would expand is written so that it stays", () => {
    const found = placement("L40S:48x4");
    const file = composeFile({ ...found, model: { ...found.model, flags: ["--greeting", 'costs $5 "now"', 'it\'s "$6"'] } });
    expect(file).toContain(`'costs $$5 "now"'`);
    expect(file).toContain(String.raw`"it's \"$$6\""`);
  });

  test("Step-Audio-R1 is served with our template, every turn of which is closed", () => {
    const template = readStepAudioTemplate();
    expect(composeFile(placement("L40S:48x4", "step-audio-r1.1"))).toContain('- "/etc/aloud/templates/step-audio-r1.jinja"');
    expect(template).toMatch(/<\|EOT\|>' -\}\}\s*\{%- endif -%\}\s*\{%- endfor -%\}/);
  });
});
