"""Every setting of config.toml in a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QScrollArea,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from posture_cam.desktop.places import is_autostarted, set_autostart
from posture_cam.desktop.settings_file import Setting, form, write
from posture_cam.errors import PostureCamError
from posture_cam.words import sentence

_TITLES = {"desktop": "App", "source": "Camera", "pace": "Pace", "judging": "Judging", "outputs": "Telling"}
_HIDDEN = {"display"}  # of the terminal
_FIRST = ("desktop", "source", "alerts", "judging")
_WORDS: dict[object, str] = {True: "yes", False: "no"}


class SettingsWindow(QDialog):
    """Shows and changes the settings; what is changed takes effect at once.

    Signals:
        changed: Settings were written.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("posture_cam: settings")
        self._values: dict[tuple[str, str], tuple[Any, Callable[[], Any]]] = {}
        tabs = QTabWidget()
        settings = form()
        sections = list(dict.fromkeys(one.section for one in settings if one.section not in _HIDDEN))
        sections.sort(key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
        for section in sections:
            rows = QFormLayout()
            if section == "desktop":
                self._autostart = QCheckBox("Start with the computer")
                self._autostart.setChecked(is_autostarted())
                rows.addRow(self._autostart)
            for one in settings:
                if one.section == section:
                    self._add(rows, one)
            page = QWidget()
            page.setLayout(rows)
            area = QScrollArea()
            area.setWidget(page)
            area.setWidgetResizable(True)
            tabs.addTab(area, _TITLES.get(section, sentence(section)))
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self._save)
        buttons.rejected.connect(self.reject)
        whole = QVBoxLayout()
        whole.addWidget(tabs)
        whole.addWidget(buttons)
        self.setLayout(whole)
        self.resize(620, 480)

    def _add(self, rows: QFormLayout, one: Setting) -> None:
        field, read = _field(one)
        field.setAccessibleName(one.label)
        field.setAccessibleDescription(one.help)
        field.setToolTip(one.help)
        rows.addRow(one.label, field)
        if one.help:
            words = QLabel(one.help)
            words.setWordWrap(True)
            font = words.font()
            font.setPointSizeF(0.9 * font.pointSizeF())
            words.setFont(font)
            rows.addRow("", words)
        self._values[one.section, one.key] = read(), read  # as the field shows it

    def _save(self) -> None:
        changes = {place: now for place, (before, read) in self._values.items() if (now := read()) != before}
        try:
            if changes:
                write(changes)
                self._values |= {place: (now, self._values[place][1]) for place, now in changes.items()}
                self.changed.emit()
            if self._autostart.isChecked() != is_autostarted():
                set_autostart(self._autostart.isChecked())
        except PostureCamError as error:
            QMessageBox.warning(self, self.windowTitle(), f"{error.message} {error.hint}".strip())
            return
        self.accept()


def _field(one: Setting) -> tuple[QWidget, Callable[[], Any]]:
    """The widget for a setting, and how to read it."""
    if one.kind == "switch":
        box = QCheckBox()
        box.setChecked(bool(one.value))
        return box, box.isChecked
    if one.kind == "choice":
        choice = QComboBox()
        for value in one.choices:
            choice.addItem(_WORDS.get(value, str(value)), value)
        choice.setCurrentIndex(max([str(value) for value in one.choices].index(str(one.value)), 0))
        return choice, choice.currentData
    if one.kind == "number":
        number = QDoubleSpinBox()
        number.setDecimals(2)
        number.setRange(one.least or 0.0, 1e9 if one.most is None else one.most)
        number.setValue(float(one.value))
        return number, number.value
    if one.kind == "whole":
        whole = QSpinBox()
        whole.setRange(round(one.least or 0), 2**31 - 1 if one.most is None else round(one.most))
        whole.setValue(int(one.value))
        return whole, whole.value
    text = QLineEdit()
    if one.kind == "list":
        text.setText(", ".join(one.value))
        return text, lambda: tuple(part.strip() for part in text.text().split(",") if part.strip())
    text.setText(str(one.value))
    if isinstance(one.value, int):  # a camera's number or name
        return text, lambda: int(text.text()) if text.text().strip().isdecimal() else text.text().strip()
    return text, lambda: text.text().strip()
