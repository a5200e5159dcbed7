"""OpenCV windows, which the person may close with their X at any time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


class PictureWindow:
    """A window that shows one picture after another.

    OpenCV raises an error when a closed window is queried, and reopens it when a picture is shown in it.
    Here a closed window stays closed.

    Args:
        title: The title of the window.

    Attributes:
        is_closed: The person has closed it.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._has_shown = False
        self.is_closed = False

    def open(self) -> None:
        """Open it; its size can be changed."""
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Show a picture, at first in its own size; does nothing once the window is closed."""
        if self.look():
            if not self._has_shown:
                cv2.resizeWindow(self._title, picture.shape[1], picture.shape[0])
            cv2.imshow(self._title, picture)
            self._has_shown = True

    def key(self) -> int:
        """The key pressed since the last call, or -1; never waits."""
        return -1 if self.is_closed else int(cv2.pollKey())

    def look(self) -> bool:
        """Whether it is still open; before the first picture it is invisible, but counts as open."""
        if self._has_shown and not self.is_closed:
            try:
                self.is_closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
            except cv2.error:  # how Qt reports a closed window
                self.is_closed = True
        return not self.is_closed

    def close(self) -> None:
        """Close it, if the person has not."""
        try:
            cv2.destroyAllWindows()
            cv2.waitKey(1)
        except cv2.error:
            self.is_closed = True
