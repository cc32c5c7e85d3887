"""What the library says while it works: notes (INFO) and warnings go to the logger "tekio", progress to a bar on standard error, where
that is a terminal or a notebook's."""

import logging
import sys
import threading

from tekio import _tekio

logger = logging.getLogger("tekio")
_lock = threading.Lock()
_drawn = False


def enable_progress_bar():
    """Draws bars from here on."""
    _tekio.show_progress(True)


def disable_progress_bar():
    """Draws none from here on."""
    _tekio.show_progress(False)


def line(level, text):
    _clear()
    logger.log(logging.WARNING if level == "warning" else logging.INFO, "%s", text.strip())


def progress(label, unit, detail, done, total, start, units, seconds, seconds_left, ended):
    global _drawn
    if ended:
        _clear()
        return
    if seconds_left is None:
        seconds_left = seconds / max(1, done - start) * (total - done)
    cells = 20 * done // total if total > 0 else 0
    rate = _size(units / seconds) if unit == "bytes" else f"{units / seconds:,.0f} {unit}" if seconds > 0 else f"0 {unit}"
    steps = f"{_size(done)} of {_size(total)}" if unit == "bytes" else f"{done}/{total}"
    parts = [_time(seconds) + "<" + _time(seconds_left), rate + "/s", *([detail] if detail else [])]
    text = f"{label.strip()}: {100 * done // max(1, total):3d}%|{'█' * cells}{' ' * (20 - cells)}| {steps} [{', '.join(parts)}]"
    with _lock:
        _write("\r" + text + ("" if _is_notebook() else "\033[K"))
        _drawn = True


def _clear():
    global _drawn
    with _lock:
        if _drawn:
            _write("\n" if _is_notebook() else "\r\033[K")
        _drawn = False


def _write(text):
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # nobody is there to read it
        pass


def _is_notebook():
    return "ipykernel" in sys.modules


def _time(seconds):
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _size(count):
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
