/* Archives into containers and out of them. */
"use strict";

const assert = require("node:assert/strict");
const { createHash, randomBytes } = require("node:crypto");
const { suite, test } = require("node:test");
const { archive, create, exec, run, unpack } = require("./kit");

/** What the engine says of a path: the header of its answer. */
async function about(container, path) {
  const reply = await container.infoArchive({ path });
  const header = reply.headers?.["x-docker-container-path-stat"] ?? "";
  reply.resume?.();
  return JSON.parse(Buffer.from(header, "base64").toString());
}

suite("archives", () => {
  test("go into a container before it is started", async (t) => {
    const container = await create(t, "cat /tmp/one /tmp/folder/two");
    await container.putArchive(archive({ one: "1\n", "folder/two": "2\n" }), { path: "/tmp" });
    await container.start();
    await container.wait();
    const logs = (await container.logs({ stdout: true })).toString();
    assert.match(logs, /1\n[^]*2\n$/);
  });

  test("come out of it, a file and a folder", async (t) => {
    const container = await run(t, "mkdir -p /a/b; echo x > /a/x; echo y > /a/b/y");
    await container.wait();
    const file = await unpack(await container.getArchive({ path: "/a/x" }));
    assert.deepEqual(Object.keys(file), ["x"]);
    const folder = await unpack(await container.getArchive({ path: "/a" }));
    assert.deepEqual(Object.keys(folder).sort(), ["a/b/y", "a/x"]);
    assert.equal(folder["a/b/y"].toString(), "y\n");
  });

  test("of sixteen megabytes are unchanged", async (t) => {
    const container = await run(t, "sleep 600");
    const content = randomBytes(16 << 20);
    await container.putArchive(archive({ large: content }), { path: "/tmp" });
    const sum = createHash("sha256").update(content).digest("hex");
    const { out } = await exec(container, ["sha256sum", "/tmp/large"]);
    assert.equal(out.split(" ")[0], sum);
    const back = await unpack(await container.getArchive({ path: "/tmp/large" }));
    assert.equal(createHash("sha256").update(back.large).digest("hex"), sum);
  });

  test("a path's kind is told without its contents", async (t) => {
    const container = await create(t, "true");
    assert.equal((await about(container, "/etc/passwd")).name, "passwd");
    const link = await about(container, "/bin/sh");
    assert.equal(link.linkTarget, "/bin/busybox");
    await assert.rejects(container.infoArchive({ path: "/missing" }), { statusCode: 404 });
  });

  test("are refused where they do not fit", async (t) => {
    const container = await create(t, "true");
    await assert.rejects(container.putArchive(archive({ file: "" }), { path: "/missing" }), { statusCode: 404 });
    const notATar = container.putArchive(Buffer.alloc(2048, "x"), { path: "/tmp" });
    await assert.rejects(notATar, { statusCode: 500, message: /invalid tar header/ });
    const overFolder = container.putArchive(archive({ opt: "" }), { path: "/var", noOverwriteDirNonDir: "1" });
    await assert.rejects(overFolder, { statusCode: 500, message: /cannot overwrite directory/ });
  });
});
