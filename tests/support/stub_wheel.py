"""A package of mmied's name that needs nothing: what pip does with the real one takes minutes."""

import zipfile
from pathlib import Path

# Where mmied's program would be: one that says that it is ready, and waits.
STUB = """
import os, signal, socket

def main():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    signal.pause()
"""


def make_wheel(folder: Path, version: str) -> Path:
    """Write the wheel into `folder`."""
    info = f"mmied-{version}.dist-info"
    files = {
        "mmied_stub.py": STUB,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: mmied\nVersion: {version}\nProvides-Extra: postgresql\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nmmied = mmied_stub:main\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    path = folder / f"mmied-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(name, text)
    return path
