/* Stands for vmcompute.dll, which Wine does not have: dockerd.exe loads it at its start and asks for what runs.
 *
 * Nothing does, and nothing can be made to: each call that would make or change a container fails with E_NOTIMPL
 * (github.com/Microsoft/hcsshim, internal/vmcompute and internal/wclayer, has the calls). Networks are asked for by
 * HNSCall, whose answers are JSON; there are none.
 */
#include <objbase.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#define CALL __declspec(dllexport) HRESULT __stdcall

/* A string that the caller frees with CoTaskMemFree. */
static WCHAR *answer(const WCHAR *text) {
    size_t size = (wcslen(text) + 1) * sizeof *text;
    WCHAR *copy = CoTaskMemAlloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

CALL HNSCall(const WCHAR *method, const WCHAR *path, const WCHAR *request, WCHAR **response) {
    (void)method, (void)path, (void)request;
    *response = answer(L"{\"Success\":true,\"Error\":\"\",\"Output\":[]}");
    return *response ? S_OK : E_OUTOFMEMORY;
}

CALL HcsEnumerateComputeSystems(const WCHAR *query, WCHAR **systems, WCHAR **result) {
    (void)query;
    *systems = answer(L"[]");
    if (result)
        *result = NULL;
    return *systems ? S_OK : E_OUTOFMEMORY;
}

#define MISSING(name) CALL name(void) { return E_NOTIMPL; }

MISSING(HcsCreateComputeSystem)
MISSING(HcsOpenComputeSystem)
MISSING(HcsCloseComputeSystem)
MISSING(HcsStartComputeSystem)
MISSING(HcsShutdownComputeSystem)
MISSING(HcsTerminateComputeSystem)
MISSING(HcsPauseComputeSystem)
MISSING(HcsResumeComputeSystem)
MISSING(HcsGetComputeSystemProperties)
MISSING(HcsModifyComputeSystem)
MISSING(HcsModifyServiceSettings)
MISSING(HcsRegisterComputeSystemCallback)
MISSING(HcsUnregisterComputeSystemCallback)
MISSING(HcsSaveComputeSystem)
MISSING(HcsCreateProcess)
MISSING(HcsOpenProcess)
MISSING(HcsCloseProcess)
MISSING(HcsTerminateProcess)
MISSING(HcsSignalProcess)
MISSING(HcsGetProcessInfo)
MISSING(HcsGetProcessProperties)
MISSING(HcsModifyProcess)
MISSING(HcsGetServiceProperties)
MISSING(HcsRegisterProcessCallback)
MISSING(HcsUnregisterProcessCallback)
MISSING(ActivateLayer)
MISSING(CopyLayer)
MISSING(CreateLayer)
MISSING(CreateSandboxLayer)
MISSING(ExpandSandboxSize)
MISSING(DeactivateLayer)
MISSING(DestroyLayer)
MISSING(ExportLayer)
MISSING(GetLayerMountPath)
MISSING(GetBaseImages)
MISSING(ImportLayer)
MISSING(LayerExists)
MISSING(NameToGuid)
MISSING(PrepareLayer)
MISSING(UnprepareLayer)
MISSING(ProcessBaseImage)
MISSING(ProcessUtilityImage)
MISSING(GrantVmAccess)
MISSING(ExportLayerBegin)
MISSING(ExportLayerNext)
MISSING(ExportLayerRead)
MISSING(ExportLayerEnd)
MISSING(ImportLayerBegin)
MISSING(ImportLayerNext)
MISSING(ImportLayerWrite)
MISSING(ImportLayerEnd)
