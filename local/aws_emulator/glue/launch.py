"""Runs inside Glue's Python: `launch.py ERROR_FILE SCRIPT [ARGUMENT ...]`. Standard library only.

As Glue's own launcher does, it runs the script as __main__ and keeps the last word of a failure, which becomes the
job run's ErrorMessage. Standard input is held by the stand-in: when that dies, so does this job.
"""

import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType


def _exit_with_the_emulator() -> None:
    os.read(0, 1)  # returns when the other end is gone
    os.killpg(0, signal.SIGKILL)


def _describe(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _run(error_file: Path, script: str, arguments: list[str]) -> int:
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).parent)  # was the folder of this file
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as leaving:
        if leaving.code in (None, 0):
            return 0
        error_file.write_text(f"SystemExit: {leaving.code}")
        if isinstance(leaving.code, int):
            return leaving.code
        print(leaving.code, file=sys.stderr)
        return 1
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is this run's error
        traceback.print_exception(error.with_traceback(_from_script(error, script)))
        error_file.write_text(_describe(error))
        return 1
    return 0


def _from_script(error: BaseException, script: str) -> TracebackType | None:
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_filename != script:
        frame = frame.tb_next
    return frame or error.__traceback__


if __name__ == "__main__":
    threading.Thread(target=_exit_with_the_emulator, daemon=True).start()
    sys.exit(_run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
