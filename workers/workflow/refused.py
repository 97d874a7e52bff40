"""Types of nodes that files of this format know and that are refused on purpose, with the reason people are told."""

from collections.abc import Mapping
from typing import Final

_DESKTOP: Final = "it drives the desktop of a Windows machine, and runs here have none"
_OFFICE: Final = "it drives an office program, and runs here have none"
_DIALOG: Final = "it asks or tells a person at a screen, and nobody sits before a run"
_CODE: Final = "it runs code of its own, which workflows here may not"

_NAMES: Final[Mapping[str, str]] = {
    _DESKTOP: """
        LaunchApplicationNode CloseApplicationNode ActivateWindowNode GetWindowListNode FindElementNode
        DesktopClickElementNode DesktopTypeTextNode GetElementTextNode GetElementPropertyNode VerifyElementExistsNode
        VerifyElementPropertyNode ResizeWindowNode MoveWindowNode MaximizeWindowNode MinimizeWindowNode
        RestoreWindowNode GetWindowPropertiesNode SetWindowStateNode SelectFromDropdownNode CheckCheckboxNode
        SelectRadioButtonNode SelectTabNode ExpandTreeItemNode ScrollElementNode MoveMouseNode MouseClickNode
        SendKeysNode SendHotKeyNode GetMousePositionNode DragMouseNode CaptureScreenshotNode CaptureElementImageNode
        OCRExtractTextNode CompareImagesNode YOLOFindElementNode WindowsServiceNode StartServiceNode StopServiceNode
        RestartServiceNode GetServiceStatusNode ClipboardCopyNode ClipboardPasteNode ClipboardClearNode
        DesktopWaitForElementNode DesktopWaitForWindowNode WaitForWindowNode
    """,
    _OFFICE: """
        ExcelOpenNode ExcelReadCellNode ExcelWriteCellNode ExcelGetRangeNode ExcelCloseNode WordOpenNode
        WordGetTextNode WordReplaceTextNode WordCloseNode OutlookSendEmailNode OutlookReadEmailsNode
        OutlookGetInboxCountNode
    """,
    _DIALOG: """
        MessageBoxNode InputDialogNode TooltipNode SystemNotificationNode ConfirmDialogNode FilePickerDialogNode
        FolderPickerDialogNode ColorPickerDialogNode DateTimePickerDialogNode ProgressDialogNode
        ListPickerDialogNode MultilineInputDialogNode CredentialDialogNode FormDialogNode WizardDialogNode
        ImagePreviewDialogNode TablePreviewDialogNode SnackbarNode BalloonTipNode AudioAlertNode
    """,
    _CODE: """
        RunPythonScriptNode RunPythonFileNode RunBatchScriptNode RunJavaScriptNode RunCommandNode RunPowerShellNode
    """,
}

REFUSED: Final[Mapping[str, str]] = {name: reason for reason, names in _NAMES.items() for name in names.split()}
