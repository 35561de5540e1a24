// Names and descriptions of errors.
#include <cuda_runtime_api.h>

#define API extern "C" __attribute__((visibility("default")))

namespace {
struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;  // null: the name says it
};
#define E(error, text) \
  { error, #error, text }
constexpr ErrorText kErrors[] = {
    E(cudaSuccess, "no error"),
    E(cudaErrorInvalidValue, "invalid argument"),
    E(cudaErrorMemoryAllocation, "out of memory"),
    E(cudaErrorInitializationError, "initialization error"),
    E(cudaErrorCudartUnloading, "driver shutting down"),
    E(cudaErrorProfilerDisabled, "profiler disabled while using external profiling tool"),
    E(cudaErrorProfilerNotInitialized, nullptr),
    E(cudaErrorProfilerAlreadyStarted, nullptr),
    E(cudaErrorProfilerAlreadyStopped, nullptr),
    E(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    E(cudaErrorInvalidPitchValue, "invalid pitch argument"),
    E(cudaErrorInvalidSymbol, "invalid device symbol"),
    E(cudaErrorInvalidHostPointer, "invalid host pointer"),
    E(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    E(cudaErrorInvalidTexture, "invalid texture reference"),
    E(cudaErrorInvalidTextureBinding, nullptr),
    E(cudaErrorInvalidChannelDescriptor, nullptr),
    E(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    E(cudaErrorAddressOfConstant, nullptr),
    E(cudaErrorTextureFetchFailed, nullptr),
    E(cudaErrorTextureNotBound, nullptr),
    E(cudaErrorSynchronizationError, nullptr),
    E(cudaErrorInvalidFilterSetting, nullptr),
    E(cudaErrorInvalidNormSetting, nullptr),
    E(cudaErrorMixedDeviceExecution, nullptr),
    E(cudaErrorNotYetImplemented, nullptr),
    E(cudaErrorMemoryValueTooLarge, nullptr),
    E(cudaErrorStubLibrary, nullptr),
    E(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version"),
    E(cudaErrorCallRequiresNewerDriver, nullptr),
    E(cudaErrorInvalidSurface, nullptr),
    E(cudaErrorDuplicateVariableName, nullptr),
    E(cudaErrorDuplicateTextureName, nullptr),
    E(cudaErrorDuplicateSurfaceName, nullptr),
    E(cudaErrorDevicesUnavailable, "all CUDA-capable devices are busy or unavailable"),
    E(cudaErrorIncompatibleDriverContext, nullptr),
    E(cudaErrorMissingConfiguration, "__global__ function call is not configured"),
    E(cudaErrorPriorLaunchFailure, nullptr),
    E(cudaErrorLaunchMaxDepthExceeded, nullptr),
    E(cudaErrorLaunchFileScopedTex, nullptr),
    E(cudaErrorLaunchFileScopedSurf, nullptr),
    E(cudaErrorSyncDepthExceeded, nullptr),
    E(cudaErrorLaunchPendingCountExceeded, "too many pending launches"),
    E(cudaErrorInvalidDeviceFunction, "invalid device function"),
    E(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    E(cudaErrorInvalidDevice, "invalid device ordinal"),
    E(cudaErrorDeviceNotLicensed, nullptr),
    E(cudaErrorSoftwareValidityNotEstablished, nullptr),
    E(cudaErrorStartupFailure, nullptr),
    E(cudaErrorInvalidKernelImage, "device kernel image is invalid"),
    E(cudaErrorDeviceUninitialized, "invalid device context"),
    E(cudaErrorMapBufferObjectFailed, nullptr),
    E(cudaErrorUnmapBufferObjectFailed, nullptr),
    E(cudaErrorArrayIsMapped, nullptr),
    E(cudaErrorAlreadyMapped, "resource already mapped"),
    E(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device"),
    E(cudaErrorAlreadyAcquired, nullptr),
    E(cudaErrorNotMapped, "resource not mapped"),
    E(cudaErrorNotMappedAsArray, nullptr),
    E(cudaErrorNotMappedAsPointer, nullptr),
    E(cudaErrorECCUncorrectable, nullptr),
    E(cudaErrorUnsupportedLimit, nullptr),
    E(cudaErrorDeviceAlreadyInUse, nullptr),
    E(cudaErrorPeerAccessUnsupported, nullptr),
    E(cudaErrorInvalidPtx, "a PTX JIT compilation failed"),
    E(cudaErrorInvalidGraphicsContext, nullptr),
    E(cudaErrorNvlinkUncorrectable, nullptr),
    E(cudaErrorJitCompilerNotFound, nullptr),
    E(cudaErrorUnsupportedPtxVersion, nullptr),
    E(cudaErrorJitCompilationDisabled, nullptr),
    E(cudaErrorUnsupportedExecAffinity, nullptr),
    E(cudaErrorUnsupportedDevSideSync, nullptr),
    E(cudaErrorContained, nullptr),
    E(cudaErrorInvalidSource, "device kernel image is invalid"),
    E(cudaErrorFileNotFound, "file not found"),
    E(cudaErrorSharedObjectSymbolNotFound, "shared object symbol not found"),
    E(cudaErrorSharedObjectInitFailed, "shared object initialization failed"),
    E(cudaErrorOperatingSystem, "OS call failed or operation not supported on this OS"),
    E(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    E(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    E(cudaErrorLossyQuery, nullptr),
    E(cudaErrorSymbolNotFound, "named symbol not found"),
    E(cudaErrorNotReady, "device not ready"),
    E(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    E(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    E(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    E(cudaErrorLaunchIncompatibleTexturing, nullptr),
    E(cudaErrorPeerAccessAlreadyEnabled, "peer access is already enabled"),
    E(cudaErrorPeerAccessNotEnabled, "peer access has not been enabled"),
    E(cudaErrorSetOnActiveProcess, "cannot set while device is active in this process"),
    E(cudaErrorContextIsDestroyed, "context is destroyed"),
    E(cudaErrorAssert, "device-side assert triggered"),
    E(cudaErrorTooManyPeers, nullptr),
    E(cudaErrorHostMemoryAlreadyRegistered, "part or all of the requested memory range is already mapped"),
    E(cudaErrorHostMemoryNotRegistered, "pointer does not correspond to a registered memory region"),
    E(cudaErrorHardwareStackError, "hardware stack error"),
    E(cudaErrorIllegalInstruction, "an illegal instruction was encountered"),
    E(cudaErrorMisalignedAddress, "misaligned address"),
    E(cudaErrorInvalidAddressSpace, "operation not supported on global/shared address space"),
    E(cudaErrorInvalidPc, "invalid program counter"),
    E(cudaErrorLaunchFailure, "unspecified launch failure"),
    E(cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch"),
    E(cudaErrorTensorMemoryLeak, nullptr),
    E(cudaErrorNotPermitted, "operation not permitted"),
    E(cudaErrorNotSupported, "operation not supported"),
    E(cudaErrorSystemNotReady, nullptr),
    E(cudaErrorSystemDriverMismatch, nullptr),
    E(cudaErrorCompatNotSupportedOnDevice, nullptr),
    E(cudaErrorMpsConnectionFailed, nullptr),
    E(cudaErrorMpsRpcFailure, nullptr),
    E(cudaErrorMpsServerNotReady, nullptr),
    E(cudaErrorMpsMaxClientsReached, nullptr),
    E(cudaErrorMpsMaxConnectionsReached, nullptr),
    E(cudaErrorMpsClientTerminated, nullptr),
    E(cudaErrorCdpNotSupported, nullptr),
    E(cudaErrorCdpVersionMismatch, nullptr),
    E(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    E(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture"),
    E(cudaErrorStreamCaptureMerge, "operation would result in a merge of separate capture sequences"),
    E(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    E(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    E(cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream"),
    E(cudaErrorStreamCaptureImplicit, "operation would make the legacy stream depend on a capturing blocking stream"),
    E(cudaErrorCapturedEvent, "operation not permitted on an event last recorded in a capturing stream"),
    E(cudaErrorStreamCaptureWrongThread, "attempt to terminate a thread-local capture sequence from another thread"),
    E(cudaErrorTimeout, "wait operation timed out"),
    E(cudaErrorGraphExecUpdateFailure,
      "the graph update was not performed because it included changes which violated constraints specific to "
      "instantiated graph update"),
    E(cudaErrorExternalDevice, nullptr),
    E(cudaErrorInvalidClusterSize, "Invalid cluster size"),
    E(cudaErrorFunctionNotLoaded, nullptr),
    E(cudaErrorInvalidResourceType, nullptr),
    E(cudaErrorInvalidResourceConfiguration, nullptr),
    E(cudaErrorUnknown, "unknown error"),
};
#undef E

const ErrorText* find(cudaError_t e) {
  for (const ErrorText& t : kErrors)
    if (t.error == e) return &t;
  return nullptr;
}
}  // namespace

API const char* cudaGetErrorName(cudaError_t e) {
  const ErrorText* t = find(e);
  return t ? t->name : "unrecognized error code";
}
API const char* cudaGetErrorString(cudaError_t e) {
  const ErrorText* t = find(e);
  if (!t) return "unrecognized error code";
  return t->text ? t->text : t->name;
}
