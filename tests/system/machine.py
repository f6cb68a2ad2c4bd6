# SPDX-License-Identifier: MIT
"""Boots of dom0 for tests, all through the launcher."""

import os
import re
import shlex
import signal
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(TOP, "out", "system")
LAUNCHER = os.path.join(TOP, "tools", "podium")
HYPERVISOR = os.path.join(TOP, "out", "podium")
PATIENCE = float(os.environ.get("PODIUM_TEST_PATIENCE", "1"))
# For one boot, unless it says otherwise. An idle machine needs a tenth.
TIMEOUT = 900
TAIL_LINES = 40
# boots/soak.sh: how many times as much as a normal run, and from which seed.
SOAK = int(os.environ.get("PODIUM_SOAK", "1"))
SEED = int(os.environ.get("PODIUM_SEED", "1"))


class Failed(Exception):
    """A check failed; the text is all there is to say."""


def limit(seconds):
    return str(int(seconds * PATIENCE))


def tail(path, lines=TAIL_LINES):
    if not os.path.exists(path):
        return f"(there is no {path})"
    with open(path, encoding="utf-8", errors="replace") as opened:
        return "".join(opened.readlines()[-lines:]).replace("\x1e", "")


class Boot:
    """The launcher at work. name: of its files in out/system."""

    def __init__(self, name, script, arguments=(), timeout=TIMEOUT):
        os.makedirs(OUT, exist_ok=True)
        self.log = os.path.join(OUT, name + ".log")
        self.script = os.path.join(OUT, name + ".sh")
        with open(self.script, "w", encoding="utf-8") as out:
            out.write(script)
        self._messages = os.path.join(OUT, name + ".err")
        self._saved = open(os.path.join(OUT, name + ".out"), "w",
                           encoding="utf-8")
        with open(self._messages, "wb") as messages:
            self._process = subprocess.Popen(
                [LAUNCHER, "run", "--script", self.script, "--log", self.log,
                 "--timeout", limit(timeout), *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=messages, encoding="utf-8", errors="replace")

    def lines(self):
        for line in self._process.stdout:
            self._saved.write(line)
            self._saved.flush()
            yield line

    def finish(self):
        """The rest of what the script prints, and the exit status."""
        rest = "".join(self.lines())
        return rest, self.status()

    def status(self):
        self._saved.close()
        return self._process.wait()

    def messages(self):
        return tail(self._messages)

    def kill(self):
        """Ends it if it is still there, and QEMU with it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.stdout.close()
        self.status()


def run(name, script, arguments=(), timeout=TIMEOUT):
    """(output, status, messages of the launcher, serial log)"""
    boot = Boot(name, script, arguments, timeout)
    try:
        output, status = boot.finish()
    finally:
        boot.kill()
    with open(boot.log, encoding="utf-8", errors="replace") as log:
        return output, status, boot.messages(), log.read()


def qemu(name, *arguments, until, timeout=300, at_end=lambda: None):
    """What the serial port says until a pattern comes, without the launcher.
    at_end is called while the machine still is as it was then."""
    os.makedirs(OUT, exist_ok=True)
    log = os.path.join(OUT, name + ".log")
    with open(log, "wb"):
        pass
    process = subprocess.Popen(
        ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display",
         "none", "-no-reboot", "-accel", "tcg,thread=single", "-cpu", "EPYC",
         "-smp", "2", "-m", "2G", "-serial", "stdio",
         "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    timer = threading.Timer(timeout * PATIENCE, process.kill)
    timer.start()
    said = b""
    try:
        with open(log, "wb") as saved:
            while not re.search(until, said):
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                saved.write(data)
                said += data
            at_end()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    return said.decode(errors="replace")


class CheckBoot:
    """A boot that runs checks: boots/NAME.sh behind checks.sh.

    A line "# boot: ARGUMENTS" in the file has arguments for the launcher;
    $TOP in it stands for the top of the tree. dom0 prints "check NAME begins"
    before each check, and after it "check NAME ok" or "check NAME failed:
    WHY". The boot is started by the first check that is waited for.
    """

    def __init__(self, path, text):
        self._name = path.stem
        self._text = text
        found = re.search(r"^# boot: (.*)$", text, re.M)
        self._arguments = shlex.split(
            found.group(1).replace("$TOP", TOP) if found else "")
        self._wanted = []
        self._boot = None
        self._lines = None
        self._verdicts = {}

    def want(self, check):
        self._wanted.append(check)

    def _start(self):
        with open(os.path.join(HERE, "checks.sh"), encoding="utf-8") as lib:
            script = (f"PODIUM_SOAK={SOAK} PODIUM_SEED={SEED}\n" +
                      lib.read() + self._text +
                      f"\npatience={limit(100)}\n"
                      f"run_checks {' '.join(self._wanted)}\n")
        self._boot = Boot(self._name, script, self._arguments,
                          TIMEOUT * SOAK)
        self._lines = self._read()

    def _read(self):
        """Verdicts as they come; the output since the one before with it."""
        said = []
        for line in self._boot.lines():
            said.append(line)
            found = re.match(r"check (\w+) (ok|failed.*)$", line)
            if found:
                self._verdicts[found.group(1)] = (found.group(2) == "ok",
                                                  "".join(said))
                said = []
                yield

    def wait_for(self, check):
        if not self._boot:
            self._start()
        while check not in self._verdicts:
            if next(self._lines, self) is self:
                raise Failed(self._why_no_verdict(check))
        passed, said = self._verdicts[check]
        if not passed:
            raise Failed(f"{said}\nSerial port: {self._boot.log}")

    def _why_no_verdict(self, check):
        status = self._boot.status()
        said = tail(self._boot.log.replace(".log", ".out"))
        return (f"'{check}' came to no end: the launcher ended with {status}"
                f"\n{self._boot.messages()}\ndom0 said last:\n{said}\n"
                f"Serial port: {self._boot.log}")

    def end(self):
        if self._boot:
            self._boot.kill()
