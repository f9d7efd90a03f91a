/** What is known of GPUs, and how a person describes them ("L40S:48x4"). Facts only; nothing here looks at the machine. */
import { AloudError } from "@aloud/client/protocol";

/** One kind of GPU in a machine, and how many there are of it. Tensor parallelism needs equal cards, so kinds are planned apart. */
export interface GpuGroup {
  readonly name: string;
  readonly count: number;
  /** What CUDA hands out, not what is printed on the box. */
  readonly usableGib: number;
  /** CUDA compute capability, as one number: 8.6, 9.0. */
  readonly capability: number;
  /** Memory bandwidth of one card, in 10⁹ bytes a second; undefined for cards that the table lacks. */
  readonly gbPerSecond: number | undefined;
  /** CUDA indices of the cards; empty for a described machine, where they are 0, 1, 2 … */
  readonly indices: readonly number[];
}

interface Card {
  readonly pattern: RegExp;
  readonly name: string;
  /** As sold. */
  readonly gb: number;
  readonly usableGib: number;
  readonly capability: number;
  readonly gbPerSecond: number;
}

/**
 * Usable memory is the "total capacity" that PyTorch reports in its out-of-memory messages (error-correcting memory and the driver take the
 * difference); bandwidth and capability are NVIDIA's data sheets. The first pattern that matches wins, so longer names come first.
 */
const CARDS: readonly Card[] = [
  { pattern: /\bH200\b/i, name: "H200", gb: 141, usableGib: 139.7, capability: 9.0, gbPerSecond: 4_800 },
  { pattern: /\bH20\b/i, name: "H20", gb: 96, usableGib: 95.1, capability: 9.0, gbPerSecond: 4_000 },
  { pattern: /\bH100.*PCIe/i, name: "H100 PCIe", gb: 80, usableGib: 79.1, capability: 9.0, gbPerSecond: 2_039 },
  { pattern: /\bH[18]00\b/i, name: "H100", gb: 80, usableGib: 79.1, capability: 9.0, gbPerSecond: 3_350 },
  { pattern: /\bB200\b/i, name: "B200", gb: 180, usableGib: 178.3, capability: 10.0, gbPerSecond: 8_000 },
  { pattern: /\bA[18]00\b.*\b80|\b80GB\b.*\bA[18]00\b/i, name: "A100", gb: 80, usableGib: 79.1, capability: 8.0, gbPerSecond: 1_935 },
  { pattern: /\bA100\b/i, name: "A100", gb: 40, usableGib: 39.4, capability: 8.0, gbPerSecond: 1_555 },
  { pattern: /\bPRO 6000\b/i, name: "RTX PRO 6000", gb: 96, usableGib: 94.9, capability: 12.0, gbPerSecond: 1_792 },
  { pattern: /\b6000 Ada\b|\bRTX6000Ada\b/i, name: "RTX 6000 Ada", gb: 48, usableGib: 47.4, capability: 8.9, gbPerSecond: 960 },
  { pattern: /A6000\b/i, name: "A6000", gb: 48, usableGib: 47.5, capability: 8.6, gbPerSecond: 768 },
  { pattern: /\bL40S\b/i, name: "L40S", gb: 48, usableGib: 44.4, capability: 8.9, gbPerSecond: 864 },
  { pattern: /\bL40\b/i, name: "L40", gb: 48, usableGib: 44.4, capability: 8.9, gbPerSecond: 864 },
  { pattern: /\bA40\b/i, name: "A40", gb: 48, usableGib: 44.4, capability: 8.6, gbPerSecond: 696 },
  { pattern: /5090\b/, name: "RTX 5090", gb: 32, usableGib: 31.3, capability: 12.0, gbPerSecond: 1_792 },
  { pattern: /4090\b/, name: "RTX 4090", gb: 24, usableGib: 23.5, capability: 8.9, gbPerSecond: 1_008 },
  { pattern: /3090\b/, name: "RTX 3090", gb: 24, usableGib: 23.6, capability: 8.6, gbPerSecond: 936 },
  { pattern: /\bL4\b/i, name: "L4", gb: 24, usableGib: 22.0, capability: 8.9, gbPerSecond: 300 },
  { pattern: /\bA10G?\b/i, name: "A10", gb: 24, usableGib: 22.0, capability: 8.6, gbPerSecond: 600 },
  { pattern: /\bV100\b/i, name: "V100", gb: 32, usableGib: 31.7, capability: 7.0, gbPerSecond: 900 },
  { pattern: /\bT4\b/i, name: "T4", gb: 16, usableGib: 14.6, capability: 7.5, gbPerSecond: 320 },
];

/** Of an unknown card's printed gigabytes, this many GiB are counted: the least of the cards above. */
const UNKNOWN_USABLE_GIB_PER_GB = 0.91;
const UNKNOWN_CAPABILITY = 8.0;
/** `nvidia-smi` counts what the driver keeps for itself; the largest difference to PyTorch's figure among the cards above. */
const DRIVER_MIB = 560;
const MAX_KINDS = 8;
const MAX_COUNT = 64;

/**
 * Reads "A6000:48x1" or several kinds, "H100:80x2,L40S:48x4". Memory may be left out for a known card, the count when it is one.
 * @throws AloudError `invalid_value` saying what was expected
 */
export function parseGpus(text: string): readonly GpuGroup[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > MAX_KINDS) throw invalid(`at most ${MAX_KINDS} kinds of GPU`, text);
  return parts.map((part) => {
    const match = /^([A-Za-z0-9][A-Za-z0-9 -]*?)(?::(\d+(?:\.\d+)?)(?:GB?)?)?(?:\s*[x×*](\d+))?$/i.exec(part);
    const [, name = "", memory, times] = match ?? [];
    const count = times === undefined ? 1 : Number(times);
    if (match === null) throw invalid('NAME:GIGABYTESxCOUNT, such as "L40S:48x4"', part);
    if (count < 1 || count > MAX_COUNT) throw invalid(`1 to ${MAX_COUNT} cards`, part);
    const gb = memory === undefined ? undefined : Number(memory);
    if (gb !== undefined && (gb < 1 || gb > 1_000)) throw invalid("1 to 1000 GB of memory a card", part);
    const card = findCard(name, gb);
    if (gb === undefined && card === undefined)
      throw invalid(`its memory, such as "${name}:48x${count}", for a card not in the table`, part);
    return {
      name: card?.name ?? name,
      count,
      usableGib: gb === undefined || gb === card?.gb ? (card?.usableGib ?? 0) : gb * UNKNOWN_USABLE_GIB_PER_GB,
      capability: card?.capability ?? UNKNOWN_CAPABILITY,
      gbPerSecond: card?.gbPerSecond,
      indices: [],
    };
  });
}

/** Cards of one name exist with several memories (A100): the one of that memory, else the first of that name. */
function findCard(name: string, gb: number | undefined): Card | undefined {
  const spelled = `${name} ${gb ?? ""}`;
  return CARDS.find((card) => card.pattern.test(spelled));
}

/** One row of `nvidia-smi --query-gpu=index,name,memory.total,memory.used,compute_cap --format=csv,noheader,nounits`. */
export interface SeenGpu {
  readonly index: number;
  readonly name: string;
  readonly totalMib: number;
  readonly usedMib: number;
  readonly capability: number;
}

/** Equal cards become one group. Slices of a card (MIG) and cards of unknown memory are left out: `nvidia-smi` answers "[N/A]" for them. */
export function groupSeen(seen: readonly SeenGpu[]): readonly GpuGroup[] {
  const groups = new Map<string, SeenGpu[]>();
  for (const gpu of seen) {
    if (!(gpu.totalMib > DRIVER_MIB)) continue;
    const key = `${gpu.name} ${gpu.totalMib}`;
    groups.set(key, [...(groups.get(key) ?? []), gpu]);
  }
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const card = findCard(first.name, undefined);
    return {
      name: first.name.replace(/^NVIDIA (GeForce )?/, ""),
      count: members.length,
      usableGib: (first.totalMib - DRIVER_MIB) / 1_024,
      capability: first.capability || (card?.capability ?? UNKNOWN_CAPABILITY),
      gbPerSecond: card?.gbPerSecond,
      indices: members.map(({ index }) => index),
    };
  });
}

function invalid(expected: string, got: string): AloudError {
  return new AloudError("invalid_value", `--gpu: expected ${expected}, got "${got}"`);
}
