/* Slipway.exe and slipway.exe: Python in this process, so that Windows shows Slipway's name and icon for it.
 *
 * The library python313.dll is in the folder PYTHON, from here. The file python313._pth beside it keeps this Python
 * apart from variables, the registry and packages of the user (docs.python.org, "Finding modules"). Compiled with
 *
 *   MODULE   what runs: "desktop.cli" or "desktop.ui"
 *   PYTHON   Python's folder, from the folder of this program
 *   WINDOW   defined for a program without a console, which shows errors in a box
 *
 * `--run-module NAME ...` as the first arguments runs another module of ours (vm/host/programs.py).
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#define WIDE_(text) L##text
#define WIDE(text) WIDE_(text)

#define LIBRARY L"python313.dll"
#define RUN_MODULE L"--run-module"

#define LONGEST 32768 /* characters of a path, the final zero included (Windows' own limit) */

typedef int (*py_main)(int count, wchar_t **arguments);

static const wchar_t *const packages[] = {L"desktop.", L"engine.", L"vm."};

/* Report an error, in a box where there is no console; return the exit code. */
static int failed(const wchar_t *message, const wchar_t *subject, int in_box)
{
    static wchar_t text[LONGEST + 512];
    _snwprintf(text, sizeof text / sizeof *text - 1, L"%ls\n%ls", message, subject);
    if (in_box)
        MessageBoxW(NULL, text, L"Slipway", MB_OK | MB_ICONERROR);
    else
        fwprintf(stderr, L"%ls\n", text);
    return 1;
}

static int is_ours(const wchar_t *module)
{
    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++)
        if (wcsncmp(module, packages[i], wcslen(packages[i])) == 0)
            return 1;
    return 0;
}

int wmain(int count, wchar_t **arguments)
{
    static wchar_t program[LONGEST], folder[LONGEST + 32], path[LONGEST + 64];
    int asked = count >= 3 && wcscmp(arguments[1], RUN_MODULE) == 0;
    int taken = asked ? 3 : 1;
#ifdef WINDOW
    int in_box = !asked; /* nobody is there to close the box of a background program */
#else
    int in_box = 0;
#endif

    if (asked && !is_ours(arguments[2]))
        return failed(L"This module is not a part of Slipway:", arguments[2], in_box);

    DWORD length = GetModuleFileNameW(NULL, program, LONGEST);
    if (length == 0 || length >= LONGEST)
        return failed(L"Slipway's own path cannot be found out, or is too long.", L"", in_box);
    wcscpy(folder, program);
    wchar_t *name = wcsrchr(folder, L'\\');
    wcscpy(name ? name + 1 : folder, WIDE(PYTHON));
    _snwprintf(path, sizeof path / sizeof *path - 1, L"%ls\\%ls", folder, LIBRARY);

    /* for extension modules, which need Microsoft's runtime: it is beside the library */
    static wchar_t absolute[LONGEST];
    if (GetFullPathNameW(folder, LONGEST, absolute, NULL))
        AddDllDirectory(absolute);
    HMODULE library = LoadLibraryExW(path, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    if (library == NULL)
        return failed(L"A file of Slipway's is missing or damaged. Install Slipway again; nothing of yours is lost.",
                      path, in_box);
    py_main run = (py_main)(void *)GetProcAddress(library, "Py_Main");
    if (run == NULL)
        return failed(L"A file of Slipway's is damaged. Install Slipway again; nothing of yours is lost.", path,
                      in_box);

    wchar_t **given = calloc((size_t)count + 4, sizeof *given);
    if (given == NULL)
        return failed(L"There is not enough memory.", L"", in_box);
    int used = 0;
    given[used++] = program;
    given[used++] = L"-m";
    given[used++] = asked ? arguments[2] : (wchar_t *)WIDE(MODULE);
    for (int i = taken; i < count; i++)
        given[used++] = arguments[i];
    return run(used, given);
}
