/**
 * Shares one thread among conversations. Work comes in steps (one run of a graph); between two steps the event loop turns, so that aborts and audio
 * arrive within a step. Generating goes before prefilling, because somebody waits for it; among equals, conversations take turns. Yet every fifth step
 * is a prefill's if one waits: a speaker whose audio piled up while others were answered would have to wait for it at the end.
 */

export type Priority = "generate" | "prefill";

/** Runs one step of a conversation's work when its turn comes. */
export type Step = <T>(work: () => Promise<T>) => Promise<T>;

type Job = () => Promise<void>;

/** How many steps of generating go in a row while prefilling waits. */
const GENERATE_STEPS_IN_A_ROW = 4;

export class Scheduler {
  readonly #queues: Record<Priority, Job[]> = { generate: [], prefill: [] };
  #running = false;
  #stepsDone = 0;

  get stepsDone(): number {
    return this.#stepsDone;
  }

  /** Steps that wait now. Each conversation has at most one, so conversations bound it. */
  get waiting(): number {
    return this.#queues.generate.length + this.#queues.prefill.length;
  }

  /**
   * Runs one step when its turn comes. A conversation that has just run goes behind those that waited meanwhile, since it asks for its
   * next step only after this one is done.
   */
  step<T>(priority: Priority, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queues[priority].push(async () => {
        try {
          resolve(await work());
        } catch (error) {
          reject(error);
        } finally {
          this.#stepsDone += 1;
        }
      });
      if (!this.#running) {
        this.#running = true;
        void this.#drain();
      }
    });
  }

  async #drain(): Promise<void> {
    const { generate, prefill } = this.#queues;
    let inARow = 0;
    for (;;) {
      const mayGenerate = generate.length > 0 && (inARow < GENERATE_STEPS_IN_A_ROW || prefill.length === 0);
      inARow = mayGenerate ? inARow + 1 : 0;
      const job = mayGenerate ? generate.shift() : prefill.shift();
      if (job === undefined) break;
      await job();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = false;
  }
}
