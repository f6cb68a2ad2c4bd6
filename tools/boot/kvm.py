# SPDX-License-Identifier: MIT
"""Whether KVM can run a hypervisor here: the guest must be given vmx or svm.

That /dev/kvm exists says nothing about that. The processor has to show the
feature, which a virtual machine's does only if its own host nests; and KVM has
to be told to hand it on, which is the parameter "nested" of its module.
"""

import os
import re

MODULES = {"vmx": "kvm_intel", "svm": "kvm_amd"}


def read(path):
    with open(path, encoding="ascii", errors="replace") as opened:
        return opened.read()


def feature(root):
    """The first of the processor's that we know; None if it shows neither."""
    flags = re.search(r"^flags\s*:(.*)$",
                      read(os.path.join(root, "proc/cpuinfo")), re.M)
    shown = flags.group(1).split() if flags else []
    return next((name for name in MODULES if name in shown), None)


def device_obstacle(path):
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return "there is no /dev/kvm"
    except PermissionError:
        return "this user may not open /dev/kvm (group kvm)"
    except OSError as error:
        return f"/dev/kvm cannot be opened: {error.strerror}"
    return None


def obstacle(root="/"):
    """None, or why it cannot. root: where proc, sys and dev are."""
    name = feature(root)
    if not name:
        return ("the processor shows neither vmx nor svm (a virtual machine "
                "whose host does not nest, or firmware that locks it)")
    module = MODULES[name]
    nested = os.path.join(root, "sys/module", module, "parameters/nested")
    if not os.path.exists(nested):
        return f"{module} is not loaded (modprobe {module})"
    if read(nested).strip() not in ("1", "Y"):
        return (f"{module} does not nest (modprobe -r {module}; "
                f"modprobe {module} nested=1)")
    return device_obstacle(os.path.join(root, "dev/kvm"))
