#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Downloads Debian packages by name and unpacks them, without installing any.

    fetch.py LIST DIR [GROUP]

LIST is config/boot-packages, where the format is explained. The .deb files go
to DIR/debs, their content to DIR/root, and DIR/versions says what is there;
it is written last, so that it can be the target of a make rule. A package
that was downloaded before is not downloaded again.
"""

import glob
import os
import re
import shutil
import subprocess
import sys

# Of a kernel package we want the image and the Xen drivers: the other
# modules are 300 MB.
KERNEL_PARTS = ["./boot/vmlinuz-*", "./boot/config-*",
                "./lib/modules/*/kernel/drivers/xen"]


class FetchError(Exception):
    """Something that the user has to see to."""


def run(*command, **keywords):
    return subprocess.run(command, check=False, text=True,
                          capture_output=True, **keywords)


def read_list(path, group):
    """Yields (package, version) for each line of the group."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) not in (2, 3):
                raise FetchError(f"{path}:{number}: expected PACKAGE VERSION "
                                 f"[GROUP], found: {line.strip()}")
            if (words[2] if len(words) == 3 else "") == group:
                yield words[0], words[1]


def candidate(package):
    """The version that apt would install now, or None."""
    policy = run("apt-cache", "policy", package, env=english()).stdout
    found = re.search(r"^\s*Candidate: (\S+)", policy, re.M)
    return found.group(1) if found and found.group(1) != "(none)" else None


def english():
    return dict(os.environ, LC_ALL="C.UTF-8")


def is_available(package, version):
    return bool(run("apt-cache", "show", f"{package}={version}").stdout)


def choose_version(package, pinned):
    if is_available(package, pinned):
        return pinned
    newest = candidate(package)
    if newest is None:
        raise FetchError(f"apt knows no package {package}; run "
                         f"'apt-get update' as root and try again")
    print(f"fetch: warning: {package} {pinned} is not to be had any more; "
          f"using {newest} (see the head of config/boot-packages)",
          file=sys.stderr)
    return newest


def concrete(package, version):
    """What a metapackage stands for: a package with a kernel in it."""
    if not re.fullmatch(r"linux-image-(cloud-)?amd64", package):
        return package, version
    shown = run("apt-cache", "show", f"{package}={version}").stdout
    found = re.search(r"^Depends:.*?(linux-image-[0-9]\S*) \(= (\S+)\)",
                      shown, re.M)
    if not found:
        raise FetchError(f"cannot tell which kernel {package} stands for")
    return found.groups()


def deb_name(package, version):
    """The file name that apt-get download gives."""
    return f"{package}_{version.replace(':', '%3a')}_amd64.deb"


def download(package, version, directory):
    """Returns the .deb's path."""
    path = os.path.join(directory, deb_name(package, version))
    if os.path.exists(path):
        return path
    # As root apt would change to a user who may not write here.
    result = run("apt-get", "-q", "-o", "APT::Sandbox::User=root",
                 "download", f"{package}={version}", cwd=directory)
    if result.returncode or not os.path.exists(path):
        raise FetchError(f"cannot download {package}={version}:\n"
                         f"{result.stderr.strip()}\n"
                         f"run 'apt-get update' as root and try again")
    return path


def unpack(deb, root):
    if not os.path.basename(deb).startswith("linux-image-"):
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
        return
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb],
                          stdout=subprocess.PIPE) as unpacker:
        subprocess.run(["tar", "-x", "-C", root, "--wildcards",
                        *KERNEL_PARTS], stdin=unpacker.stdout, check=True)
    if unpacker.returncode:
        raise FetchError(f"cannot unpack {deb}")


def refresh_lists():
    """A container starts without package lists; root can get them."""
    if glob.glob("/var/lib/apt/lists/*Packages*") or os.geteuid() != 0:
        return
    print("fetch: apt has no package lists yet: apt-get update")
    subprocess.run(["apt-get", "-q", "update"], check=False)


def main(list_path, directory, group=""):
    debs = os.path.join(directory, "debs")
    root = os.path.join(directory, "root")
    os.makedirs(debs, exist_ok=True)
    refresh_lists()
    versions = []
    paths = []
    for package, pinned in read_list(list_path, group):
        wanted = concrete(package, choose_version(package, pinned))
        paths.append(download(*wanted, debs))
        versions.append(" ".join(wanted))
        print(f"fetch: {versions[-1]}", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    for path in paths:
        unpack(path, root)
    for stale in set(glob.glob(os.path.join(debs, "*.deb"))) - set(paths):
        os.remove(stale)
    with open(os.path.join(directory, "versions"), "w",
              encoding="utf-8") as out:
        out.write("\n".join(versions) + "\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except FetchError as error:
        sys.exit(f"fetch: {error}")
