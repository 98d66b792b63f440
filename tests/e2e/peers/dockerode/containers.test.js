/* Containers: their life, contents, mounts and ports, and the errors of wrong requests. */
"use strict";

const assert = require("node:assert/strict");
const { mkdtemp, readFile, rm, writeFile } = require("node:fs/promises");
const path = require("node:path");
const { suite, test } = require("node:test");
const { IMAGE, create, docker, exec, later, remove, removeImage, run, unique, unpack, until } = require("./kit");

const SERVE = "mkdir /www; echo served > /www/index.html; exec httpd -f -p 80 -h /www";

/** A folder of the host's below `parent`, for one test. */
async function folderIn(t, parent) {
  const folder = await mkdtemp(path.join(parent, "peer-"));
  later(t, () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Ask a published port until it is answered; the first connections may come before the server. */
function fetchText(url) {
  return until(() =>
    fetch(url, { signal: AbortSignal.timeout(10_000) }).then(
      (reply) => reply.text(),
      () => "",
    ),
  );
}

suite("life", () => {
  test("created, started, paused, stopped, restarted, killed, removed", async (t) => {
    const container = await create(t, "trap 'exit 0' TERM; while :; do sleep 0.1; done");
    const state = async () => (await container.inspect()).State.Status;
    assert.equal(await state(), "created");
    await container.start();
    assert.equal(await state(), "running");
    await container.pause();
    assert.equal(await state(), "paused");
    await container.unpause();
    await container.stop({ t: 20 });
    assert.equal(await state(), "exited");
    assert.equal((await container.inspect()).State.ExitCode, 0);
    await container.restart();
    assert.equal(await state(), "running");
    await container.kill({ signal: "KILL" });
    assert.equal((await container.wait()).StatusCode, 137);
    await container.remove();
    await assert.rejects(container.inspect(), { statusCode: 404 });
  });

  test("a new name, new limits, and its processes", async (t) => {
    const container = await run(t, "sleep 600", { HostConfig: { Memory: 64 << 20, MemorySwap: 128 << 20 } });
    const name = unique();
    await container.rename({ name });
    await container.update({ Memory: 96 << 20, MemorySwap: 128 << 20, CpuShares: 512 });
    const seen = await docker.getContainer(name).inspect();
    assert.equal(seen.Id, container.id);
    assert.equal(seen.HostConfig.Memory, 96 << 20);
    assert.equal(seen.HostConfig.CpuShares, 512);
    const { Titles, Processes } = await container.top({ ps_args: "-o pid,args" });
    assert.deepEqual(Titles, ["PID", "COMMAND"]);
    assert.ok(Processes.some(([, command]) => command.includes("sleep 600")));
  });

  test("health goes from starting to healthy", async (t) => {
    const container = await run(t, "usleep 500000; touch /ready; sleep 600", {
      Healthcheck: { Test: ["CMD", "test", "-f", "/ready"], Interval: 5e8, Timeout: 2e10, Retries: 100 },
    });
    const events = await docker.getEvents({ filters: { container: [container.id], event: ["health_status"] } });
    later(t, () => events.destroy());
    const status = async () => (await container.inspect()).State.Health.Status;
    if ((await status()) === "starting") await new Promise((resolve) => events.once("data", resolve));
    assert.equal(await status(), "healthy");
  });

  test("a restart policy starts it again after it fails", async (t) => {
    const container = await run(t, "exit 1", {
      HostConfig: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 } },
    });
    const final = async () => (await container.inspect()).State.Status === "exited";
    await until(final);
    assert.equal((await container.inspect()).RestartCount, 2);
  });

  test("lists by label, status and name, and prunes by label", async (t) => {
    const label = unique("label");
    const containers = [
      await run(t, "sleep 600", { Labels: { [label]: "a" } }),
      await run(t, "true", { Labels: { [label]: "b" } }),
    ];
    await containers[1].wait();
    const list = (filters, more = {}) =>
      docker.listContainers({ all: true, filters: { label: [label], ...filters }, ...more });
    assert.equal((await list({})).length, 2);
    const [running] = await list({ status: ["running"] }, { size: true });
    assert.equal(running.Id, containers[0].id);
    assert.ok(running.SizeRootFs > 0);
    const pruned = await docker.pruneContainers({ filters: { label: [label] } });
    assert.deepEqual(pruned.ContainersDeleted, [containers[1].id]);
    assert.equal((await list({})).length, 1);
  });
});

suite("contents", () => {
  test("changes, a commit of them, and an export", async (t) => {
    const container = await run(t, "echo made > /made; rm /etc/group");
    await container.wait();
    const changes = (await container.changes()).map(({ Path, Kind }) => `${Kind} ${Path}`);
    assert.ok(changes.includes("1 /made") && changes.includes("2 /etc/group"), changes.join());
    const repo = unique("peer-image");
    await container.commit({ repo, tag: "v1", comment: "by a test", changes: 'CMD ["cat", "/made"]' });
    later(t, () => removeImage(`${repo}:v1`));
    const copy = await run(t, [], { Image: `${repo}:v1`, Cmd: undefined });
    await copy.wait();
    assert.match((await copy.logs({ stdout: true })).toString(), /made\n$/);
    const files = await unpack(await container.export());
    assert.equal(files.made.toString(), "made\n");
    assert.equal(files["etc/group"], undefined);
  });
});

suite("mounts", () => {
  for (const [title, parent] of [
    ["the home folder", process.env.PEERS_HOME],
    ["a shared folder", process.env.PEERS_SHARED],
  ]) {
    test(`a folder below ${title} is the host's, both ways`, async (t) => {
      const folder = await folderIn(t, parent);
      await writeFile(path.join(folder, "from-host"), "host\n");
      const container = await run(t, "cat /m/from-host; echo container > /m/from-container", {
        HostConfig: { Binds: [`${folder}:/m`] },
      });
      assert.equal((await container.wait()).StatusCode, 0);
      assert.match((await container.logs({ stdout: true })).toString(), /host\n$/);
      assert.equal(await readFile(path.join(folder, "from-container"), "utf8"), "container\n");
    });
  }

  test("a folder outside of the shared ones is the host's", async (t) => {
    const folder = await folderIn(t, process.env.PEERS_UNSHARED);
    await writeFile(path.join(folder, "from-host"), "host\n");
    const container = await run(t, "cat /m/from-host", { HostConfig: { Binds: [`${folder}:/m`] } });
    assert.equal((await container.wait()).StatusCode, 0);
  });

  test("a folder that is missing is made, and one that must be there is an error", async (t) => {
    const folder = await folderIn(t, process.env.PEERS_SHARED);
    const made = await run(t, "echo here > /m/file", { HostConfig: { Binds: [`${folder}/new/deep:/m`] } });
    assert.equal((await made.wait()).StatusCode, 0);
    assert.equal(await readFile(path.join(folder, "new", "deep", "file"), "utf8"), "here\n");
    const Mounts = [{ Type: "bind", Source: path.join(folder, "missing"), Target: "/m" }];
    await assert.rejects(create(t, "true", { HostConfig: { Mounts } }), {
      statusCode: 400,
      message: /bind source path does not exist/,
    });
  });

  test("read-only, memory and volumes", async (t) => {
    const folder = await folderIn(t, process.env.PEERS_SHARED);
    const volume = unique("peer-volume");
    const HostConfig = {
      Binds: [`${folder}:/ro:ro`, `${volume}:/data`],
      Tmpfs: { "/fast": "size=1m,mode=1777" },
      ReadonlyRootfs: true,
    };
    later(t, () => docker.getVolume(volume).remove({ force: true }));
    const container = await run(t, "sleep 600", { HostConfig });
    const writes = async (where) => (await exec(container, ["touch", `${where}/file`])).code === 0;
    assert.deepEqual(await Promise.all(["/ro", "/data", "/fast", "/etc"].map(writes)), [false, true, true, false]);
    const types = (await container.inspect()).Mounts.map(({ Type, RW }) => `${Type} ${RW}`).sort();
    assert.deepEqual(types, ["bind false", "volume true"]);
  });
});

suite("ports", () => {
  const exposed = { ExposedPorts: { "80/tcp": {} } };

  test("one that the engine chooses is answered on the host", async (t) => {
    const container = await run(t, SERVE, { ...exposed, HostConfig: { PublishAllPorts: true } });
    const ports = (await container.inspect()).NetworkSettings.Ports["80/tcp"];
    assert.equal(await fetchText(`http://127.0.0.1:${ports[0].HostPort}/`), "served\n");
  });

  test("one of two containers that ask for the same is refused, and gets it once it is free", async (t) => {
    const first = await run(t, SERVE, {
      ...exposed,
      HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] } },
    });
    const [{ HostPort }] = (await first.inspect()).NetworkSettings.Ports["80/tcp"];
    const second = await create(t, SERVE, {
      ...exposed,
      HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort }] } },
    });
    await assert.rejects(second.start(), { statusCode: 500, message: /port is already allocated/ });
    await remove(first);
    await second.start();
    assert.equal(await fetchText(`http://127.0.0.1:${HostPort}/`), "served\n");
  });
});

suite("errors", () => {
  test("of names: none such, taken, not allowed", async (t) => {
    await assert.rejects(docker.getContainer("no-such").start(), {
      statusCode: 404,
      json: { message: "No such container: no-such" },
    });
    await assert.rejects(docker.createContainer({ Image: "no/such:image" }), {
      statusCode: 404,
      message: /No such image/,
    });
    const { Name } = await (await create(t, "true")).inspect();
    await assert.rejects(create(t, "true", { name: Name.slice(1) }), {
      statusCode: 409,
      message: /already in use/,
    });
    await assert.rejects(create(t, "true", { name: "not allowed" }), {
      statusCode: 400,
      message: /Invalid container name/,
    });
  });

  test("of states: started twice, removed while it runs, executed in when it does not", async (t) => {
    const container = await run(t, "sleep 600");
    await assert.rejects(container.start(), { statusCode: 304 });
    await assert.rejects(container.remove(), { statusCode: 409, message: /container is running/ });
    await container.kill();
    await container.wait();
    await assert.rejects(container.exec({ Cmd: ["true"] }), { statusCode: 409, message: /is not running/ });
    await assert.rejects(container.kill(), { statusCode: 409 });
  });

  test("of what cannot be started", async (t) => {
    const container = await create(t, ["no-such-program"]);
    await assert.rejects(container.start(), { statusCode: 400, message: /no-such-program/ });
    assert.equal((await container.inspect()).State.ExitCode, 127);
  });

  test("of a request that is no JSON or has wrong types", async () => {
    const bad = docker.createContainer({ Image: IMAGE, Cmd: 7, HostConfig: { Memory: "much" } });
    await assert.rejects(bad, { statusCode: 400 });
  });

  test("a container with seventeen megabytes of labels", async (t) => {
    const body = { Image: IMAGE, Cmd: ["true"], Labels: { large: "x".repeat(17 << 20) } };
    const container = await docker.createContainer({ _query: { name: unique() }, _body: body });
    later(t, () => remove(container));
    assert.equal((await container.inspect()).Config.Labels.large.length, 17 << 20);
  });
});
