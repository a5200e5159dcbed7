"""The first start, in two minutes: what it does, the camera, the neutral posture, how to be told."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

from PySide6.QtCore import QProcess, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
    QWizard,
    QWizardPage,
)

from posture_cam.desktop.cue import Cue, CueSettings
from posture_cam.desktop.monitor import MonitorProcess, program_with
from posture_cam.desktop.places import set_autostart
from posture_cam.desktop.settings_file import write
from posture_cam.errors import PostureCamError

_WELCOME = (
    "posture_cam watches through your camera how you sit, and nudges you when it is worth it.\n\n"
    "Pictures never leave this computer, and none is stored unless you ask for it. What is kept are numbers: "
    "angles, times, and where points of your body were.\n\n"
    "It is no medical device. With pain, or after an injury, ask a doctor or a physical therapist."
)
_CUES = {
    "glow": "A glow at the edges of the screen",
    "dim": "The screen gets darker",
    "figure": "A small figure that bends",
    "none": "Nothing on the screen; notifications only",
}


class FirstStart(QWizard):
    """Leads through the first start.

    Args:
        monitor: Started with the camera that is chosen.
        cue: Shows each cue once, on request.
        has_own_source: The monitor was given a source, so that no camera has to be chosen.
    """

    def __init__(
        self,
        monitor: MonitorProcess,
        cue: Cue,
        *,
        has_own_source: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.monitor, self.cue, self.has_own_source = monitor, cue, has_own_source
        self.changes: dict[tuple[str, str], Any] = {}
        self.setWindowTitle("posture_cam")
        self.setWizardStyle(QWizard.WizardStyle.ModernStyle)
        self.setOption(QWizard.WizardOption.NoBackButtonOnStartPage)
        for page in (_Welcome(), _CameraPage(self), _CalibratePage(self), _CuePage(self), _LastPage()):
            self.addPage(page)
        self.resize(640, 560)

    def done(self, result: int) -> None:
        """End; what is stored by then stays."""
        for number in self.pageIds():
            if isinstance(page := self.page(number), _CameraPage | _CalibratePage):
                page.leave()
        self.cue.hide()
        super().done(result)

    def accept(self) -> None:
        """Store what was chosen."""
        last = self.page(self.pageIds()[-1])
        assert isinstance(last, _LastPage)
        try:
            if self.changes:
                write(self.changes)
            if last.autostart.isChecked():
                set_autostart(True)
        except PostureCamError as error:
            last.setSubTitle(f"{error.message} {error.hint}".strip())
            return
        super().accept()


class _Welcome(QWizardPage):
    def __init__(self) -> None:
        super().__init__()
        self.setTitle("Sit well, without thinking of it")
        words = QLabel(_WELCOME)
        words.setWordWrap(True)
        words.setAccessibleName("What it does")
        layout = QVBoxLayout()
        layout.addWidget(words)
        self.setLayout(layout)


class _Preview(QLabel):
    """Pictures of the monitor."""

    def __init__(self, name: str) -> None:
        super().__init__("Waiting for the camera …")
        self.setAccessibleName(name)
        self.setMinimumHeight(260)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def take(self, line: dict[str, Any]) -> None:
        if line.get("type") == "preview":
            pixmap = QPixmap()
            pixmap.loadFromData(base64.b64decode(line["jpeg"]), "JPEG")
            self.setPixmap(
                pixmap.scaled(
                    self.size(),
                    Qt.AspectRatioMode.KeepAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
            )


class _CameraPage(QWizardPage):
    """Which camera, by its picture."""

    def __init__(self, wizard: FirstStart) -> None:
        super().__init__()
        self.setTitle("Which camera sees you?")
        self.setSubTitle("Head and both shoulders should be in the picture.")
        self._first = wizard
        self._cameras = QComboBox()
        self._cameras.setAccessibleName("Camera")
        self._cameras.currentIndexChanged.connect(self._choose)
        self._preview = _Preview("Picture of the camera")
        self._has_picture = False
        layout = QVBoxLayout()
        layout.addWidget(self._cameras)
        layout.addWidget(self._preview, 1)
        self.setLayout(layout)
        self._listing: QProcess | None = None
        wizard.monitor.line.connect(self._take)
        wizard.monitor.died.connect(self._died)
        wizard.monitor.given_up.connect(self._died)

    def leave(self) -> None:
        """Listen no longer."""
        self._first.monitor.line.disconnect(self._take)
        self._first.monitor.died.disconnect(self._died)
        self._first.monitor.given_up.disconnect(self._died)

    def initializePage(self) -> None:  # noqa: N802 - as Qt calls it
        if self._first.has_own_source:
            self._cameras.hide()
            self._begin()
            return
        listing = QProcess(self)
        program, *rest = program_with(["cameras", "--json"])
        listing.finished.connect(self._listed)
        self._listing = listing
        listing.start(program, rest)

    def _listed(self) -> None:
        assert self._listing is not None
        try:
            found = json.loads(bytes(self._listing.readAllStandardOutput().data()))
        except ValueError:
            found = []
        self._cameras.blockSignals(True)
        self._cameras.clear()
        for one in found:
            self._cameras.addItem(f"{one['name']} ({one['number']})", one["number"])
        self._cameras.blockSignals(False)
        if not found:
            self._preview.setText("No camera was found. Plug one in and go back one page.")
            return
        self._choose()

    def _choose(self) -> None:
        number = self._cameras.currentData()
        if number is None:
            return
        self._first.changes["source", "camera"] = number
        self._first.monitor.stop()
        self._first.monitor.arguments = ["--camera", str(number)]
        self._begin()

    def _begin(self) -> None:
        self._has_picture = False
        self._first.monitor.start()

    def _take(self, line: dict[str, Any]) -> None:
        if line.get("type") == "start":
            show = {"command": "preview", "rate_hz": 5, "width_px": 480, "show": "overlay"}
            self._first.monitor.send(show)
        self._preview.take(line)
        if line.get("type") == "preview" and not self._has_picture:
            self._has_picture = True
            self.completeChanged.emit()

    def _died(self, words: str) -> None:
        self._preview.setText(words)

    def isComplete(self) -> bool:  # noqa: N802 - as Qt calls it
        return self._has_picture


class _CalibratePage(QWizardPage):
    """Takes the neutral posture, with hints."""

    def __init__(self, wizard: FirstStart) -> None:
        super().__init__()
        self.setTitle("How do you want to sit?")
        self.setSubTitle("Sit the way you want to sit, and hold still for five seconds.")
        self._first, self._is_done = wizard, False
        self._preview = _Preview("Picture of the camera")
        self._hint = QLabel()
        self._hint.setWordWrap(True)
        self._hint.setAccessibleName("Hint")
        font = self._hint.font()
        font.setPointSizeF(1.5 * font.pointSizeF())
        self._hint.setFont(font)
        self._done = QProgressBar()
        self._done.setRange(0, 100)
        self._begin = QPushButton("&Take it now")
        self._begin.clicked.connect(self._calibrate)
        layout = QVBoxLayout()
        for widget in (self._preview, self._hint, self._done, self._begin):
            layout.addWidget(widget)
        self.setLayout(layout)
        wizard.monitor.line.connect(self._take)

    def leave(self) -> None:
        """Listen no longer."""
        self._first.monitor.line.disconnect(self._take)

    def _take(self, line: dict[str, Any]) -> None:
        self._preview.take(line)
        if line.get("type") != "said":
            return
        self._hint.setText(line["message"])
        if line.get("share") is not None:
            self._done.setValue(round(100 * line["share"]))
        else:  # a question whether a worse posture is meant; the button says yes
            self._begin.setEnabled(True)

    def _calibrate(self) -> None:
        self._begin.setEnabled(False)
        self._first.monitor.send({"command": "calibrate", "replace": True}, self._answered)

    def _answered(self, is_done: bool, words: str) -> None:
        self._begin.setEnabled(True)
        self._begin.setText("&Take it again")
        self._is_done = self._is_done or is_done
        if is_done and self._first.changes:  # the camera belongs to what was stored, whatever comes next
            with suppress(PostureCamError):  # said at the end
                write(self._first.changes)
        self._done.setValue(100 if is_done else 0)
        self._hint.setText("Stored. This is what you are compared with." if is_done else words)
        self.completeChanged.emit()

    def isComplete(self) -> bool:  # noqa: N802 - as Qt calls it
        return self._is_done


class _CuePage(QWizardPage):
    """How to be told; each kind can be tried."""

    def __init__(self, wizard: FirstStart) -> None:
        super().__init__()
        self.setTitle("How do you want to be told?")
        self.setSubTitle("It goes at once when you sit up. Besides there are notifications, seldom.")
        self._first = wizard
        layout = QVBoxLayout()
        self._group = QButtonGroup(self)
        for kind, words in _CUES.items():
            button = QRadioButton(words)
            button.setProperty("kind", kind)
            button.setChecked(kind == "glow")
            self._group.addButton(button)
            layout.addWidget(button)
        self._group.buttonClicked.connect(lambda _button: self._choose())
        tries = QPushButton("&Try it")
        tries.clicked.connect(self._try)
        layout.addWidget(tries)
        layout.addStretch(1)
        self.setLayout(layout)

    @property
    def _kind(self) -> str:
        button = self._group.checkedButton()
        return str(button.property("kind")) if button is not None else "glow"

    def _choose(self) -> None:
        self._first.changes["desktop", "cue"] = self._kind
        self._try()

    def _try(self) -> None:
        self._first.cue.preview(CueSettings(kind=self._kind), 2500)

    def cleanupPage(self) -> None:  # noqa: N802 - as Qt calls it
        self._first.cue.hide()


class _LastPage(QWizardPage):
    def __init__(self) -> None:
        super().__init__()
        self.setTitle("Done")
        self.autostart = QCheckBox("&Start with the computer")
        words = QLabel(
            "The small figure in the tray shows how you sit; its menu has the rest. If it is wrong, say so "
            "there: “I sit well” or “I slouch”. It learns from that."
        )
        words.setWordWrap(True)
        layout = QVBoxLayout()
        layout.addWidget(words)
        layout.addWidget(self.autostart)
        layout.addStretch(1)
        self.setLayout(layout)
