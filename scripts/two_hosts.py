"""Two hosts that are network namespaces of this machine, joined by a wire that can be cut; for scripts that start ranks on both (root only)."""
import collections
import fcntl
import os
import select
import struct
import subprocess
import threading
import time

HOSTS = ("tekio-h1", "tekio-h2")  # namespaces
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def ip(*words, check=True):
    subprocess.run(["ip", *words], check=check, capture_output=True)


class Wire:
    """Carries packets between two TUN devices, each `delay` seconds late, and `bandwidth` bytes a second in each direction."""

    WAITING = 1 << 18  # bytes that it holds beside those on their way; what is sent beyond them waits in the device, and is lost there at last

    def __init__(self, delay, bandwidth):
        self.delay, self.bandwidth = delay, bandwidth
        self.files = [self.device(f"tekio-w{number}") for number in (1, 2)]
        self.ending, self.end = os.pipe()
        self.thread = threading.Thread(target=self.carry, daemon=True)

    @staticmethod
    def device(name):
        file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        return file

    def carry(self):
        under_way = [collections.deque(), collections.deque()]  # when each packet arrives, and the packet; by where it comes from
        free = [0.0, 0.0]  # when the wire has taken up all that was sent
        while True:
            now = time.monotonic()
            for side in (0, 1):
                while under_way[side] and under_way[side][0][0] <= now:
                    try:
                        os.write(self.files[1 - side], under_way[side].popleft()[1])
                    except OSError:
                        pass  # the device is down: the packet is lost
            room = [self.files[side] for side in (0, 1) if (free[side] - now) * self.bandwidth < self.WAITING]
            arrivals = [queue[0][0] for queue in under_way if queue]
            if len(room) < 2:
                arrivals += [free[side] - self.WAITING / self.bandwidth for side in (0, 1) if self.files[side] not in room]
            ready, _, _ = select.select([*room, self.ending], [], [], max(0.0, min(arrivals) - now) if arrivals else None)
            if self.ending in ready:
                return
            for side in (0, 1):
                if self.files[side] not in ready:
                    continue
                try:
                    packet = os.read(self.files[side], 1 << 16)
                except OSError:
                    time.sleep(0.001)
                    continue
                free[side] = max(free[side], time.monotonic()) + len(packet) / self.bandwidth
                under_way[side].append((free[side] + self.delay, packet))

    def close(self):
        os.write(self.end, b"e")
        self.thread.join()
        for file in (*self.files, self.ending, self.end):
            os.close(file)


class TwoHosts:
    """With `delay` (seconds) and `bandwidth` (bytes a second in each direction) the wire is a slow one; without, a pair of virtual devices. Files are shared. `folder` takes the
    script that mpirun calls in place of ssh."""

    def __init__(self, folder, delay=None, bandwidth=None):
        self.agent = folder / "agent.sh"
        # Called as rsh: options, host, command.
        self.agent.write_text(f"#!/bin/sh\nwhile [ \"${{1#-}}\" != \"$1\" ]; do shift; done\nhost=$1; shift\ncase $host in 10.93.0.1) space={HOSTS[0]};; *) space={HOSTS[1]};; esac\n"
                              "exec ip netns exec $space unshare -u sh -c \"hostname $space; $*\"\n", encoding="utf-8")
        self.agent.chmod(0o755)
        self.wire = None
        self.close()
        for host in HOSTS:
            ip("netns", "add", host)
            ip("-n", host, "link", "set", "lo", "up")
        if delay is None:
            ip("link", "add", "wire", "netns", HOSTS[0], "type", "veth", "peer", "name", "wire", "netns", HOSTS[1])
        else:
            self.wire = Wire(delay, bandwidth)
            for number, host in enumerate(HOSTS, 1):
                ip("link", "set", f"tekio-w{number}", "netns", host, "name", "wire")
                ip("-n", host, "link", "set", "wire", "mtu", "9000")  # fewer packets: each costs the wire's processor
            self.wire.thread.start()
        for number, host in enumerate(HOSTS, 1):
            ip("-n", host, "addr", "add", f"10.93.0.{number}/24", "dev", "wire")
        self.set("up")

    def set(self, state):
        """'down' cuts the wire, 'up' mends it."""
        for host in HOSTS:
            ip("-n", host, "link", "set", "wire", state)

    def on(self, number, *command):
        """A command as it is started on the first host (1) or the second (2)."""
        host = HOSTS[number - 1]
        return ["ip", "netns", "exec", host, "unshare", "-u", "sh", "-c", f"hostname {host}; exec \"$@\"", "sh", *command]

    def launcher(self, first, second):
        """Open MPI's mpirun on the first host, with so many ranks there and on the second."""
        return self.on(1, "mpirun.openmpi", "--host", f"10.93.0.1:{first},10.93.0.2:{second}", "--mca", "plm_rsh_agent", str(self.agent), "--mca", "btl", "tcp,self",
                       "--mca", "btl_tcp_if_include", "10.93.0.0/24", "--mca", "oob_tcp_if_include", "10.93.0.0/24")

    def close(self):
        if self.wire:
            self.wire.close()
        for host in HOSTS:
            ip("netns", "del", host, check=False)
