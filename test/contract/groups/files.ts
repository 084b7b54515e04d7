import { beforeAll, describe, expect, it } from "vitest";
import type { Bench } from "../bench.ts";
import type { Lease } from "../lease.ts";

/** The places a command finds: workspace, home, temporary directory. */
export function files(bench: Bench): void {
  describe("commands: files", () => {
    let lease: Lease;
    beforeAll(async () => {
      lease = await bench.lease();
    });
    const text = async (of: Lease, script: string, cwd = "."): Promise<string> => {
      const { home, tmp } = of.session.seen;
      const ran = await of.ran(of.sh(script, { cwd, env: { ...of.session.env, HOME: home, TMPDIR: tmp } }));
      expect(ran.status, ran.stderr.toString()).toMatchObject({ exit: { kind: "exited", code: 0 } });
      return ran.stdout.toString();
    };

    it("begins in the workspace, or in a directory inside of it, relative or absolute", async () => {
      const { workspace } = lease.session.seen;
      const inside = `${workspace}/a b'c`;
      expect(await text(lease, `pwd; mkdir "a b'c"`)).toBe(`${workspace}\n`);
      for (const cwd of ["a b'c", "./x/../a b'c", inside]) expect(await text(lease, "pwd; pwd -P", cwd)).toMatch(new RegExp(`^${inside}\n`));
    });

    it("workspace, home and temporary directory are empty at first, writable, and the command's own", async () => {
      const fresh = await bench.lease();
      const script = `for d in "$PWD" "$HOME" "$TMPDIR"; do ls -A "$d"; stat -c %u "$d" | grep -qx "$(id -u)"; (umask 077; echo x >"$d/f"); cat "$d/f"; done; mktemp >/dev/null; cd; pwd -P >/dev/null`;
      expect(await text(fresh, script)).toBe("x\nx\nx\n");
    });

    it("files stay from one execution to the next, with mode and links; another lease has its own", async () => {
      const other = await bench.lease();
      await text(lease, `for d in . "$HOME" "$TMPDIR"; do echo kept >"$d/kept"; done; chmod 751 kept; ln -s kept link; mkdir -p d/e; touch 'ü\n☃'`);
      expect(await text(lease, `cat kept "$HOME/kept" "$TMPDIR/kept" link; stat -c %a kept; ls d`)).toBe("kept\nkept\nkept\nkept\n751\ne\n");
      expect(await text(other, `ls -A . "$HOME" "$TMPDIR" | grep kept; :`)).toBe("");
    });

    it("has room for many files and long names", async () => {
      expect(await text(lease, `mkdir many; i=0; while [ $i -lt 500 ]; do : >many/$i; i=$((i+1)); done; ls many | wc -l; n=$(printf %0250d 0); : >"$n"; ls "$n" | wc -c`)).toMatch(/^\s*500\n\s*251\n$/);
    });

    (bench.subject.controlWithinReach ? controlNearby : controlOutOfReach)(bench, () => lease);
  });
}

function controlOutOfReach(_bench: Bench, lease: () => Lease): void {
  it("I7: the control directory is out of the command's reach", async () => {
    const { control } = lease().session.places;
    const { stdout, stderr } = await lease().ran(lease().sh(`ls -a "$1"; echo x >"$1/marker"; rm -rf "$1"`, { argv: ["sh", "-c", `ls -a "$1"; echo x >"$1/marker"; rm -rf "$1"; :`, "sh", control] }));
    expect(stdout.toString()).toBe("");
    expect(stderr.toString()).toMatch(/No such file|ermission denied/);
    expect((await lease().ran(lease().sh("echo still"))).stdout.toString()).toBe("still\n");
  });
}

function controlNearby(_bench: Bench, lease: () => Lease): void {
  it("the control directory is within the command's reach, as the subject says, and outside of its places", () => {
    const { control, ...places } = lease().session.places;
    for (const path of Object.values(places)) expect(control.startsWith(`${path}/`)).toBe(false);
  });
}
