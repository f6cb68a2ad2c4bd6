# SPDX-License-Identifier: MIT
"""One run of the machine: an emulator as a child, and its serial port."""

import collections
import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import bochs
import disc
import qemu
import stream
import terminal
import uefi

EXIT_TIMEOUT = 124
EXIT_MACHINE = 125
TAIL_LINES = 30
RECORDS_KEPT = 80
# How long the machine may take to say the rest after a panic, and to power
# off after the script.
PANIC_SECONDS = 3
POWER_OFF_SECONDS = 30
PANIC = b"Panic on CPU"
# How long Bochs may take to open its end of the serial port.
CONNECT_SECONDS = 30


def say(text):
    print(f"podium: {text}", file=sys.stderr, flush=True)


def die_with_parent():
    """For the child: no emulator stays behind, even if we are killed."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


class Session:
    """A context manager: whatever happens, no emulator and no files remain."""

    def __init__(self, options, accel, adds, jobs):
        self._options = options
        self._deadline = None
        if options.timeout:
            self._deadline = time.monotonic() + options.timeout
        self._interactive = not (options.script or options.kernel)
        self._log = None
        self._tail = collections.deque(maxlen=TAIL_LINES)
        self._partial = b""
        self._line_endings = stream.LineEndings()
        self._records = collections.deque(maxlen=RECORDS_KEPT)
        self._panicked = False
        self._running_script = bool(options.kernel)
        self._status = None
        self._directory = tempfile.mkdtemp(prefix="podium-")
        self._emulator = None
        # The serial port, two file descriptors.
        self._from_machine = self._to_machine = None
        try:
            self._start(accel, adds, jobs)
        except BaseException:
            self.close()
            raise

    def _start(self, accel, adds, jobs):
        options = self._options
        qemu.prepare(self._directory, options, adds, jobs)
        if options.log:
            self._log = open(options.log, "wb", buffering=0)
        self._stream = stream.Stream(
            self._on_console, self._on_record, self._on_begin, self._on_end,
            xen=qemu.is_xen(options.hypervisor))
        self._errors = tempfile.TemporaryFile()
        if options.emulator == "bochs":
            self._start_bochs()
        else:
            self._start_qemu(accel)

    def _spawn(self, command, **pipes):
        return subprocess.Popen(
            command, cwd=self._directory, stderr=self._errors,
            # Ctrl-C at the terminal is for the launcher to deal with.
            start_new_session=True, preexec_fn=die_with_parent, **pipes)

    def _start_qemu(self, accel):
        if self._options.uefi:
            uefi.find_firmware(self._options.ovmf)
            disc.prepare(self._directory, disc.UEFI, self._options,
                         qemu.processors(self._options, accel)[2])
        try:
            self._emulator = self._spawn(
                qemu.command(self._options, accel, self._directory),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except FileNotFoundError as error:
            raise qemu.Unusable(f"cannot start QEMU: {error}; 'make run' "
                                f"installs it") from error
        self._from_machine = self._emulator.stdout.fileno()
        self._to_machine = self._emulator.stdin.fileno()

    def _start_bochs(self):
        """Its serial port is a connection that it makes to us."""
        options = self._options
        bochs.need_programs()
        disc.prepare(self._directory, disc.BIOS, options,
                     options.hypervisor_args)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            server.settimeout(CONNECT_SECONDS)
            self._emulator = self._spawn(
                bochs.command(self._directory, bochs.model(options),
                              options.cpus, bochs.mebibytes(options.memory),
                              f"mode=socket-client, dev=localhost:{port}"),
                stdin=subprocess.DEVNULL, stdout=self._errors)
            try:
                self._serial, _ = server.accept()
            except TimeoutError as error:
                raise qemu.Unusable(
                    f"Bochs does not start: {self._complaints()}") from error
        self._from_machine = self._to_machine = self._serial.fileno()

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._emulator:
            self._emulator.kill()
            self._emulator.wait()
        if self._log:
            self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    # What the stream tells.

    def _on_console(self, data):
        if self._interactive:
            terminal.write(data)
        elif self._running_script:
            terminal.write(self._line_endings.feed(data))

    def _on_record(self, line):
        self._records.append(line)
        if PANIC in line and not self._panicked:
            self._panicked = True
            self._limit(PANIC_SECONDS)

    def _on_begin(self):
        self._running_script = True

    def _on_end(self, status):
        self._running_script = False
        self._status = status
        self._limit(POWER_OFF_SECONDS)

    def _limit(self, seconds):
        limit = time.monotonic() + seconds
        if self._deadline is None or limit < self._deadline:
            self._deadline = limit

    # The serial port.

    def _keep_tail(self, data):
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._partial = self._partial[-4096:]
        self._tail.extend(lines)

    def _read_output(self):
        """Returns False when the machine has ended."""
        try:
            data = os.read(self._from_machine, 65536)
        except ConnectionResetError:
            data = b""
        if not data:
            return False
        if self._log:
            self._log.write(data)
        self._keep_tail(data)
        self._stream.feed(data)
        return True

    def _remaining(self):
        if self._deadline is None:
            return None
        return max(0, self._deadline - time.monotonic())

    def _pump(self, keyboard=None):
        """Moves bytes until the machine ends (True) or time is up."""
        port = self._from_machine
        sources = [port] + ([keyboard] if keyboard else [])
        while True:
            ready, _, _ = select.select(sources, [], [], self._remaining())
            if not ready:
                return False
            if port in ready and not self._read_output():
                return True
            if keyboard in ready and not self._read_keys(keyboard):
                return True

    def _read_keys(self, keyboard):
        """Returns False when the user wants the machine gone."""
        keys, wants_end = keyboard.read()
        try:
            os.write(self._to_machine, keys)
        except BrokenPipeError:
            return False
        return not wants_end

    # The two ways to use it.

    def run_script(self):
        ended = self._pump()
        if self._panicked:
            say("the hypervisor panicked:")
            self._show(self._records)
            return EXIT_MACHINE
        if self._status is not None:
            if not ended:
                say("the script has ended, but the machine did not power "
                    "off; killed it")
            return self._status
        if not ended:
            say(f"no end of the script within {self._options.timeout} s; the "
                f"serial port's last lines:")
            self._show_tail()
            return EXIT_TIMEOUT
        self._say_ended_early()
        return EXIT_MACHINE

    def _say_ended_early(self):
        errors = self._complaints()
        say(f"the machine ended before the script did (exit status of "
            f"{self._name()}: {self._emulator.wait()})")
        if errors:
            say(f"{self._name()} says: {errors}")
        self._show_triple_fault()
        if not self._tail and not self._partial:
            return
        say("the serial port's last lines:")
        self._show_tail()
        say("next: run again with --log FILE and --append loglvl=all, and "
            "read FILE from its end; --dom0-append loglevel=8 makes dom0's "
            "kernel talk")

    def _show_triple_fault(self):
        """The processors' last resets, if one of them gave up."""
        path = os.path.join(self._directory, qemu.RESETS)
        if not os.path.exists(path):
            return
        with open(path, "rb") as resets:
            before, mark, after = resets.read().partition(b"Triple fault")
        if mark:
            say("a processor had a triple fault: the hypervisor is broken; "
                "its state (RIP: addr2line -e out/xen/podium.elf):")
            self._show((mark + after).splitlines()[:TAIL_LINES])

    def _name(self):
        return {"qemu": "QEMU", "bochs": "Bochs"}[self._options.emulator]

    def _complaints(self):
        """What the emulator complained about, without what it always says."""
        if self._options.emulator == "bochs":
            return "\n".join(bochs.complaints(self._directory))
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace")
        return "\n".join(line for line in text.splitlines()
                         if "TCG doesn't support requested" not in line)

    def _show_tail(self):
        self._show([*self._tail, self._partial])

    @staticmethod
    def _show(lines):
        for line in lines:
            text = line.decode(errors="replace").strip("\r\x1e\x1f")
            print(f"  | {text}", file=sys.stderr)
        sys.stderr.flush()

    def run_shell(self):
        say("the machine is booting; 'exit' in dom0's shell powers it off, "
            "Ctrl-A X kills it")
        with terminal.Keyboard() as keyboard:
            ended = self._pump(keyboard)
        if self._panicked:
            say("the hypervisor panicked:")
            self._show(self._records)
            return EXIT_MACHINE
        if not ended:
            say(f"killed after {self._options.timeout} s")
            return EXIT_TIMEOUT
        errors = self._complaints()
        if errors:
            say(f"{self._name()} says: {errors}")
            return EXIT_MACHINE
        return 0
