/** The embedded engine: onnxruntime in a supervised child process for each device, nano by default. */

export { type DeviceFacts, type DeviceWish, deviceIds, needsGpus, parseDevices } from "./device-list.ts";
export { type EmbeddedEngine, type EmbeddedEngineOptions, openEmbeddedEngine } from "./host.ts";
export { isInt8Model, NANO_DIR } from "./model-directory.ts";
export { hasCudaProvider, INSTALL_CUDA_PROVIDER } from "./provider.ts";
