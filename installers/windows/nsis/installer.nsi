; Slipway's installer for Windows. build.py gives it, as definitions:
;
;   OUTPUT, VERSION, NUMBERS (four), PUBLISHER, COPYRIGHT, SIZE (KiB), ICON, SIDE (a picture), LICENSE
;   PAYLOAD    the folder with all that is installed
;   ENTRIES    a file with the macro FOR_EACH_ENTRY: the names in that folder
;   SIGN       a command that signs the uninstaller; not defined for one without a signature
;   QUICKLY    compress nothing, for tests
;
; New files are unpacked beside the installed ones (INSTDIR.new), while those may be in use. Then what runs is ended by
; its own commands, and two renamings put the new folder in the old one's place (INSTDIR.old). When one fails, the old
; folder is where it was. Everything that needs care is done by the program itself (desktop/installation).

Target amd64-unicode
Unicode true
ManifestSupportedOS Win10
ManifestDPIAware true
ManifestLongPathAware true
!ifdef QUICKLY
  SetCompress off
!else
  SetCompressor /SOLID lzma
  SetCompressorDictSize 64
!endif
SetDateSave off
AllowSkipFiles off
ShowInstDetails nevershow
ShowUninstDetails nevershow
BrandingText "Slipway ${VERSION}"

!define MULTIUSER_EXECUTIONLEVEL Highest
!define MULTIUSER_MUI
!define MULTIUSER_INSTALLMODE_COMMANDLINE
!define MULTIUSER_INSTALLMODE_DEFAULT_CURRENTUSER
!define MULTIUSER_INSTALLMODE_INSTDIR "Slipway"
!define MULTIUSER_USE_PROGRAMFILES64
!define LISTED "Software\Microsoft\Windows\CurrentVersion\Uninstall\Slipway"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_KEY "${LISTED}"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_VALUENAME "InstallLocation"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_KEY "${LISTED}"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_VALUENAME "InstallLocation"

!include MultiUser.nsh
!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh
!include nsDialogs.nsh
!include WinMessages.nsh
!include WinVer.nsh
!include "${ENTRIES}"

RequestExecutionLevel user ; no question of Windows' for one's own account; "Run as administrator" allows all users

Name "Slipway"
OutFile "${OUTPUT}"
VIProductVersion "${NUMBERS}"
VIFileVersion "${NUMBERS}"
VIAddVersionKey ProductName "Slipway"
VIAddVersionKey CompanyName "${PUBLISHER}"
VIAddVersionKey FileDescription "Slipway installer"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey LegalCopyright "${COPYRIGHT}"

!define DATA "$LOCALAPPDATA\Slipway"
!define SAME_AS_DATA 'The folder "$INSTDIR" is where Slipway keeps its data. Choose another one.'
!define FOREIGN 'The folder "$INSTDIR" has other files in it. Choose another one.'
!define FAILED 2
!define IN_USE 3
!define NOT_ELEVATED 740 ; ERROR_ELEVATION_REQUIRED

!define HELP "Slipway ${VERSION}: options$\n$\n\
/S$\tno windows; the exit code is 0 when all went well$\n\
/CurrentUser$\tfor this user only (the default)$\n\
/AllUsers$\tfor all users; only as administrator$\n\
/DesktopIcon$\ta symbol on the desktop$\n\
/D=FOLDER$\twhere to install, without quotes, as the last option$\n$\n\
uninstall.exe: /S, and /DeleteData to delete the machine with all containers, images and volumes$\n$\n\
Exit codes: 1 cancelled, 2 failed, 3 programs use Slipway's files, 740 only as administrator. \
What was installed before works on after each of these."

Var Answer
Var Told
Var Data
Var DataBox

; -- pages --------------------------------------------------------------------------------------------------------

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${SIDE}"
!define MUI_UNWELCOMEFINISHPAGE_BITMAP "${SIDE}"
!define MUI_ABORTWARNING
!define MUI_COMPONENTSPAGE_NODESC
!define MUI_FINISHPAGE_RUN
!define MUI_FINISHPAGE_RUN_TEXT "Open Slipway"
!define MUI_FINISHPAGE_RUN_FUNCTION OpenSlipway

!insertmacro MUI_PAGE_LICENSE "${LICENSE}"
!insertmacro MULTIUSER_PAGE_INSTALLMODE
!insertmacro MUI_PAGE_COMPONENTS
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE CheckFolder
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH

!insertmacro MUI_UNPAGE_CONFIRM
UninstPage custom un.AskAboutData un.KeepAnswer
!insertmacro MUI_UNPAGE_INSTFILES

!insertmacro MUI_LANGUAGE English

; -- running the program's own commands ---------------------------------------------------------------------------

!define TOOL "--run-module desktop.installation"

; Run a command of the package in FOLDER without a console; its exit code is in $Answer, what it printed in $Told.
!macro RUN FOLDER ARGUMENTS
  nsExec::ExecToStack /TIMEOUT=300000 '"${FOLDER}\bin\slipway.exe" ${ARGUMENTS}'
  Pop $Answer
  Pop $Told
!macroend

; End the window, the engine and what belongs to it; then wait until nothing uses INSTDIR any more.
; TOOLS: the folder of the package that looks. Aborts when something still does.
!macro END_ALL TOOLS
  ${If} ${FileExists} "$INSTDIR\bin\slipway.exe"
    DetailPrint "Stopping Slipway"
    nsExec::ExecToStack /TIMEOUT=30000 '"$INSTDIR\Slipway.exe" --quit'
    Pop $Answer
    Pop $Told
    !insertmacro RUN "$INSTDIR" "stop"
    ${If} $Answer != 0
      DetailPrint "$Told"
    ${EndIf}
    ${Do}
      !insertmacro RUN "${TOOLS}" '${TOOL} in-use "$INSTDIR"'
      ${If} $Answer != 1
        ${ExitDo}
      ${EndIf}
      MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION \
        "These programs use Slipway's files. Close them, then try again:$\n$\n$Told" /SD IDCANCEL IDRETRY +3
      SetErrorLevel ${IN_USE}
      Abort "Programs use Slipway's files: $Told"
    ${Loop}
  ${EndIf}
!macroend

!macro CHANGE_PATH CHANGE FOLDER
  StrCpy $R0 ""
  ${If} $MultiUser.InstallMode == "AllUsers"
    StrCpy $R0 "--all-users"
  ${EndIf}
  !insertmacro RUN "$INSTDIR" '${TOOL} path ${CHANGE} "${FOLDER}" $R0'
  ${If} $Answer != 0
    DetailPrint "$Told"
  ${EndIf}
!macroend

; A terminal that is opened from now on has the new PATH.
!macro ANNOUNCE_PATH
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=5000
!macroend

; -- installing ---------------------------------------------------------------------------------------------------

Function .onInit
  SetRegView 64
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/?" $R1
  ${IfNot} ${Errors}
    MessageBox MB_OK "${HELP}"
    Quit
  ${EndIf}
  ${IfNot} ${AtLeastWin10}
    MessageBox MB_OK|MB_ICONSTOP "Slipway needs Windows 10 or newer." /SD IDOK
    SetErrorLevel ${FAILED}
    Quit
  ${EndIf}
  System::Call 'kernel32::CreateMutexW(p 0, i 0, w "SlipwayInstaller") p .r1 ?e' ; held until this process ends
  Pop $R1
  ${If} $R1 == 183 ; ERROR_ALREADY_EXISTS
    MessageBox MB_OK|MB_ICONSTOP "Slipway's installer is already open." /SD IDOK
    SetErrorLevel ${FAILED}
    Quit
  ${EndIf}
  UserInfo::GetAccountType
  Pop $R1
  ClearErrors
  ${GetOptions} $R0 "/AllUsers" $R2
  ${IfNot} ${Errors}
  ${AndIf} ${Silent}
  ${AndIf} $R1 != "Admin"
    SetErrorLevel ${NOT_ELEVATED}
    Quit
  ${EndIf}
  StrCpy $R3 $INSTDIR ; of the option /D
  !insertmacro MULTIUSER_INIT
  ${If} $R3 != ""
    StrCpy $INSTDIR $R3
  ${EndIf}
  ClearErrors
  ${GetOptions} $R0 "/DesktopIcon" $R1
  ${IfNot} ${Errors}
    !insertmacro SelectSection 1
  ${EndIf}
FunctionEnd

; What is in that folder will be replaced: it has to be Slipway's alone.
Function CheckFolder
  ${If} $INSTDIR == "${DATA}"
    MessageBox MB_OK|MB_ICONSTOP '${SAME_AS_DATA}' /SD IDOK
    SetErrorLevel ${FAILED}
    Abort
  ${EndIf}
  ${If} ${FileExists} "$INSTDIR\*.*"
  ${AndIfNot} ${FileExists} "$INSTDIR\bin\slipway.exe"
    ${DirState} "$INSTDIR" $R0
    ${If} $R0 != 0
      MessageBox MB_OK|MB_ICONSTOP '${FOREIGN}' /SD IDOK
      SetErrorLevel ${FAILED}
      Abort
    ${EndIf}
  ${EndIf}
FunctionEnd

; Delete what Slipway has installed in FOLDER, and the folder when nothing else is in it.
!macro DELETE_ENTRY FOLDER NAME
  ${If} ${FileExists} "${FOLDER}\${NAME}\*.*"
    RMDir /r "${FOLDER}\${NAME}"
  ${Else}
    Delete "${FOLDER}\${NAME}"
  ${EndIf}
!macroend
!macro DELETE_INSTALLED FOLDER
  !insertmacro FOR_EACH_ENTRY DELETE_ENTRY "${FOLDER}"
  Delete "${FOLDER}\uninstall.exe"
  RMDir "${FOLDER}"
!macroend

; Give files that somebody else has put into the old folder their place in the new one.
Function KeepForeignFiles
  FindFirst $R0 $R1 "$INSTDIR.old\*.*"
  ${DoWhile} $R1 != ""
    ${If} $R1 != "."
    ${AndIf} $R1 != ".."
      Rename "$INSTDIR.old\$R1" "$INSTDIR\$R1"
    ${EndIf}
    FindNext $R0 $R1
  ${Loop}
  FindClose $R0
  RMDir "$INSTDIR.old"
FunctionEnd

; Delete what an earlier upgrade could not: its name has to be free.
Function RemoveFormer
  ${If} ${FileExists} "$INSTDIR.old\*.*"
    !insertmacro DELETE_INSTALLED "$INSTDIR.old"
    Call KeepForeignFiles
  ${EndIf}
  ${If} ${FileExists} "$INSTDIR.old"
    MessageBox MB_OK|MB_ICONSTOP '"$INSTDIR.old" is in the way. Delete it or move it away, then try again.' /SD IDOK
    SetErrorLevel ${FAILED}
    Abort '"$INSTDIR.old" is in the way.'
  ${EndIf}
FunctionEnd

Section "Slipway"
  SectionIn RO
  Call CheckFolder
  ${IfNot} ${FileExists} "$INSTDIR\*.*" ; the computer was switched off between the two renamings
  ${AndIf} ${FileExists} "$INSTDIR.old\bin\slipway.exe"
    Rename "$INSTDIR.old" "$INSTDIR"
  ${EndIf}
  Call RemoveFormer
  RMDir /r "$INSTDIR.new"
  SetOutPath "$INSTDIR.new"
  File /r "${PAYLOAD}/*"
  WriteUninstaller "$INSTDIR.new\uninstall.exe"
  SetOutPath "$TEMP" ; a folder that a program works in cannot be renamed

  !insertmacro END_ALL "$INSTDIR.new"
  ${Do}
    ClearErrors
    ${If} ${FileExists} "$INSTDIR\*.*"
      Rename "$INSTDIR" "$INSTDIR.old"
    ${EndIf}
    ${IfNot} ${Errors}
      Rename "$INSTDIR.new" "$INSTDIR"
      ${If} ${Errors}
        Rename "$INSTDIR.old" "$INSTDIR"
        SetErrors
      ${EndIf}
    ${EndIf}
    ${IfNot} ${Errors}
      ${ExitDo}
    ${EndIf}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION \
      "The folder $INSTDIR cannot be replaced: a program has opened something in it. Close it, then try again." \
      /SD IDCANCEL IDRETRY +3
    SetErrorLevel ${IN_USE}
    Abort "The folder $INSTDIR cannot be replaced: a program has opened something in it."
  ${Loop}
  !insertmacro DELETE_INSTALLED "$INSTDIR.old" ; what is open, for a virus scanner, goes at the next upgrade
  ${If} ${FileExists} "$INSTDIR.old\*.*"
    Call KeepForeignFiles
  ${EndIf}

  CreateShortcut /NoWorkingDir "$SMPROGRAMS\Slipway.lnk" "$INSTDIR\Slipway.exe" "" "" "" SW_SHOWNORMAL "" \
    "Docker-style containers on this computer"
  WriteRegStr SHCTX "${LISTED}" "DisplayName" "Slipway"
  WriteRegStr SHCTX "${LISTED}" "DisplayVersion" "${VERSION}"
  WriteRegStr SHCTX "${LISTED}" "DisplayIcon" "$INSTDIR\Slipway.exe"
  WriteRegStr SHCTX "${LISTED}" "Publisher" "${PUBLISHER}"
  WriteRegStr SHCTX "${LISTED}" "InstallLocation" "$INSTDIR"
  WriteRegStr SHCTX "${LISTED}" "UninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode'
  WriteRegStr SHCTX "${LISTED}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode /S'
  WriteRegDWORD SHCTX "${LISTED}" "EstimatedSize" ${SIZE}
  WriteRegDWORD SHCTX "${LISTED}" "NoModify" 1
  WriteRegDWORD SHCTX "${LISTED}" "NoRepair" 1
  !insertmacro CHANGE_PATH add "$INSTDIR\bin"
  !insertmacro CHANGE_PATH add "$INSTDIR\docker"
  !insertmacro ANNOUNCE_PATH
SectionEnd

Section /o "Icon on the desktop"
  SetOutPath "$TEMP"
  CreateShortcut /NoWorkingDir "$DESKTOP\Slipway.lnk" "$INSTDIR\Slipway.exe"
SectionEnd

Function .onInstFailed
  SetOutPath "$TEMP"
  RMDir /r "$INSTDIR.new"
FunctionEnd

; Not as administrator: Slipway would belong to that user.
Function OpenSlipway
  ${If} $MultiUser.InstallMode == "AllUsers"
    Exec '"$WINDIR\explorer.exe" "$INSTDIR\Slipway.exe"'
  ${Else}
    Exec '"$INSTDIR\Slipway.exe"'
  ${EndIf}
FunctionEnd

; -- uninstalling -------------------------------------------------------------------------------------------------

!ifdef SIGN
  !uninstfinalize '${SIGN} "%1"' = 0
!endif

Function un.onInit
  SetRegView 64
  !insertmacro MULTIUSER_UNINIT
  ReadRegStr $R0 HKLM "${LISTED}" "InstallLocation"
  ${If} $R0 == $INSTDIR
  ${AndIf} $MultiUser.InstallMode != "AllUsers"
    ${If} $MultiUser.Privileges == "Admin"
      Call un.MultiUser.InstallMode.AllUsers
    ${Else} ; Windows asks for an administrator's consent
      ExecShell "runas" "$INSTDIR\uninstall.exe" "/AllUsers"
      Quit
    ${EndIf}
  ${EndIf}
  StrCpy $Data ""
  ${un.GetParameters} $R0
  ClearErrors
  ${un.GetOptions} $R0 "/DeleteData" $R1
  ${IfNot} ${Errors}
    StrCpy $Data "--delete-data"
  ${EndIf}
FunctionEnd

Function un.AskAboutData
  !insertmacro MUI_HEADER_TEXT "Your data" "Choose what becomes of your containers, images and volumes."
  nsDialogs::Create 1018
  Pop $R0
  ${NSD_CreateLabel} 0 0 100% 36u "The machine with all containers, images and volumes, and Slipway's settings, are in$\n\
${DATA}$\nThey stay there for a later installation, unless you choose otherwise."
  Pop $R0
  ${NSD_CreateCheckbox} 0 44u 100% 12u "&Delete all of this. It cannot be undone."
  Pop $DataBox
  ${If} $Data != ""
    ${NSD_Check} $DataBox
  ${EndIf}
  nsDialogs::Show
FunctionEnd

Function un.KeepAnswer
  StrCpy $Data ""
  ${NSD_GetState} $DataBox $R0
  ${If} $R0 == ${BST_CHECKED}
    StrCpy $Data "--delete-data"
  ${EndIf}
FunctionEnd

Section "Uninstall"
  SetOutPath "$TEMP"
  !insertmacro END_ALL "$INSTDIR"
  !insertmacro CHANGE_PATH remove "$INSTDIR\bin"
  !insertmacro CHANGE_PATH remove "$INSTDIR\docker"
  !insertmacro ANNOUNCE_PATH
  !insertmacro RUN "$INSTDIR" "${TOOL} remove $Data"
  ${If} $Answer != 0
    DetailPrint "$Told"
    MessageBox MB_OK|MB_ICONINFORMATION "Slipway is removed, but this could not be undone:$\n$\n$Told" /SD IDOK
  ${EndIf}
  Delete "$SMPROGRAMS\Slipway.lnk"
  Delete "$DESKTOP\Slipway.lnk"
  !insertmacro DELETE_INSTALLED "$INSTDIR"
  DeleteRegKey SHCTX "${LISTED}"
SectionEnd
