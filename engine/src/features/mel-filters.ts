/** Slaney's mel filter bank with area normalisation, as Whisper and librosa use it (librosa.filters.mel, htk=False, norm="slaney"). */

/** One triangle: weights for the bins from `first` on. */
export interface MelFilter {
  readonly first: number;
  readonly weights: Float64Array;
}

const LINEAR_HZ_PER_MEL = 200 / 3;
const LOG_FROM_HZ = 1_000;
const LOG_FROM_MEL = LOG_FROM_HZ / LINEAR_HZ_PER_MEL;
const LOG_STEP = Math.log(6.4) / 27;

const toMel = (hz: number) => (hz < LOG_FROM_HZ ? hz / LINEAR_HZ_PER_MEL : LOG_FROM_MEL + Math.log(hz / LOG_FROM_HZ) / LOG_STEP);
const toHz = (mel: number) => (mel < LOG_FROM_MEL ? mel * LINEAR_HZ_PER_MEL : LOG_FROM_HZ * Math.exp((mel - LOG_FROM_MEL) * LOG_STEP));

export interface MelSpec {
  readonly sampleRateHz: number;
  readonly fftLength: number;
  readonly mels: number;
  readonly minHz: number;
  readonly maxHz: number;
}

export function melFilters({ sampleRateHz, fftLength, mels, minHz, maxHz }: MelSpec): MelFilter[] {
  const low = toMel(minHz);
  const step = (toMel(maxHz) - low) / (mels + 1);
  const edge = (i: number) => toHz(low + step * i);
  const binHz = sampleRateHz / fftLength;
  return Array.from({ length: mels }, (_, mel) => {
    const [from, peak, to] = [edge(mel), edge(mel + 1), edge(mel + 2)];
    const first = Math.max(0, Math.ceil(from / binHz));
    const last = Math.min(fftLength / 2, Math.floor(to / binHz));
    const weights = Float64Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => {
      const hz = (first + i) * binHz;
      const height = Math.max(0, Math.min((hz - from) / (peak - from), (to - hz) / (to - peak)));
      return (height * 2) / (to - from);
    });
    return { first, weights };
  });
}
