/* Networks, volumes, and what the engine says of itself. */
"use strict";

const assert = require("node:assert/strict");
const { suite, test } = require("node:test");
const { create, docker, exec, later, remove, run, unique, until } = require("./kit");

/** Make a network, which is removed after the test. */
async function network(t, options = {}) {
  const made = await docker.createNetwork({ Name: unique("peer-net"), ...options });
  later(t, () => made.remove());
  return made;
}

suite("networks", () => {
  test("containers find each other by name and by alias", async (t) => {
    const net = await network(t);
    const { Name } = await net.inspect();
    const EndpointsConfig = { [Name]: { Aliases: ["the-server"] } };
    const server = await run(t, "mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www", {
      NetworkingConfig: { EndpointsConfig },
      HostConfig: { NetworkMode: Name },
    });
    const client = await run(t, "sleep 600", { HostConfig: { NetworkMode: Name } });
    const ask = (host) =>
      exec(client, [
        "sh",
        "-c",
        `for try in $(seq 50); do wget -q -O - http://${host}/ && exit; usleep 100000; done; exit 1`,
      ]);
    assert.equal((await ask("the-server")).out, "page\n");
    const name = (await server.inspect()).Name.slice(1);
    assert.equal((await ask(name)).out, "page\n");
    assert.equal(Object.keys((await net.inspect()).Containers).length, 2);
  });

  test("a container is connected at an address, and disconnected", async (t) => {
    const net = await network(t, { IPAM: { Config: [{ Subnet: "10.213.7.0/24", Gateway: "10.213.7.1" }] } });
    const container = await run(t, "sleep 600");
    await net.connect({ Container: container.id, EndpointConfig: { IPAMConfig: { IPv4Address: "10.213.7.77" } } });
    const { out } = await exec(container, ["ip", "-4", "addr"]);
    assert.match(out, /10\.213\.7\.77\/24/);
    await net.disconnect({ Container: container.id });
    assert.doesNotMatch((await exec(container, ["ip", "-4", "addr"])).out, /10\.213\.7/);
  });

  test("an internal one has no way out", async (t) => {
    const net = await network(t, { Internal: true });
    const { Name } = await net.inspect();
    const container = await run(t, "ip route", { HostConfig: { NetworkMode: Name } });
    await container.wait();
    assert.doesNotMatch((await container.logs({ stdout: true })).toString(), /default/);
  });

  test("lists, prunes and errors", async (t) => {
    const label = unique("label");
    const made = await docker.createNetwork({ Name: unique("peer-net"), Labels: { [label]: "" } });
    const list = () => docker.listNetworks({ filters: { label: [label] } });
    assert.deepEqual(
      (await list()).map(({ Id }) => Id),
      [made.id],
    );
    const { Name } = await made.inspect();
    await assert.rejects(docker.createNetwork({ Name }), { statusCode: 409, message: /already exists/ });
    assert.deepEqual((await docker.pruneNetworks({ filters: { label: [label] } })).NetworksDeleted, [Name]);
    assert.deepEqual(await list(), []);
    await assert.rejects(made.inspect(), { statusCode: 404 });
  });
});

suite("volumes", () => {
  test("what one container writes another reads, until the volume is removed", async (t) => {
    const volume = await docker.createVolume({ Name: unique("peer-volume"), Labels: { kind: "test" } });
    const { Name } = await volume.inspect();
    const HostConfig = { Mounts: [{ Type: "volume", Source: Name, Target: "/data" }] };
    await (await run(t, "echo kept > /data/file", { HostConfig })).wait();
    const reader = await run(t, "cat /data/file", { HostConfig });
    assert.equal((await reader.wait()).StatusCode, 0);
    assert.match((await reader.logs({ stdout: true })).toString(), /kept\n$/);
    await assert.rejects(volume.remove(), { statusCode: 409, message: /volume is in use/ });
    const users = await docker.listContainers({ all: true, filters: { volume: [Name] } });
    await Promise.all(users.map(({ Id }) => remove(docker.getContainer(Id))));
    await volume.remove();
    await assert.rejects(volume.inspect(), { statusCode: 404 });
  });

  test("the local driver mounts what its options say", async (t) => {
    const DriverOpts = { type: "tmpfs", device: "tmpfs", o: "size=2m" };
    const volume = await docker.createVolume({ Name: unique("peer-volume"), Driver: "local", DriverOpts });
    later(t, () => volume.remove({ force: true }));
    const container = await run(t, "df -m /data | tail -1", { HostConfig: { Binds: [`${volume.name}:/data`] } });
    await container.wait();
    assert.match((await container.logs({ stdout: true })).toString(), /tmpfs\s+2\s/);
  });

  test("lists and prunes", async () => {
    const label = unique("label");
    const made = await docker.createVolume({ Name: unique("peer-volume"), Labels: { [label]: "" } });
    const list = async () =>
      (await docker.listVolumes({ filters: { label: [label] } })).Volumes.map((volume) => volume.Name);
    assert.deepEqual(await list(), [made.name]);
    await docker.pruneVolumes({ filters: { label: [label], all: ["true"] } });
    assert.deepEqual(await list(), []);
  });
});

suite("the engine", () => {
  test("says its version and what it has", async () => {
    const version = await docker.version();
    assert.equal(version.Os, "linux");
    assert.ok(Number(version.ApiVersion) >= 1.5, version.ApiVersion);
    const info = await docker.info();
    assert.equal(info.ServerVersion, version.Version);
    assert.equal(info.OSType, "linux");
    assert.ok(info.NCPU >= 1 && info.MemTotal > 0);
    assert.equal((await docker.ping()).toString(), "OK");
  });
});

suite("swarm", () => {
  test("a service with replicas, a secret, a configuration and logs", async (t) => {
    await docker.swarmInit({ ListenAddr: "127.0.0.1:2377", AdvertiseAddr: "127.0.0.1" });
    later(t, () => docker.swarmLeave({ force: true }));
    assert.equal((await docker.listNodes()).length, 1);
    const data = (text) => Buffer.from(text).toString("base64");
    const secret = await docker.createSecret({ Name: "peer-secret", Data: data("hidden") });
    const config = await docker.createConfig({ Name: "peer-config", Data: data("shown") });
    const File = (Name) => ({ Name, UID: "0", GID: "0", Mode: 0o444 });
    const service = await docker.createService({
      Name: "peer-service",
      Mode: { Replicated: { Replicas: 2 } },
      TaskTemplate: {
        ContainerSpec: {
          Image: process.env.PEERS_IMAGE,
          Command: ["sh", "-c", "echo $(cat /run/secrets/s /c); sleep 600"],
          Secrets: [{ SecretID: secret.id, SecretName: "peer-secret", File: File("s") }],
          Configs: [{ ConfigID: config.id, ConfigName: "peer-config", File: File("/c") }],
        },
      },
    });
    const filters = { service: ["peer-service"], "desired-state": ["running"] };
    const states = async () => (await docker.listTasks({ filters })).map(({ Status }) => Status.State);
    await until(async () => (await states()).join() === "running,running");
    const said = async () => (await service.logs({ stdout: true })).toString().split("hiddenshown").length - 1;
    await until(async () => (await said()) === 2);
    await service.remove();
    const ofService = { label: ["com.docker.swarm.service.name=peer-service"] };
    await until(async () => (await docker.listContainers({ all: true, filters: ofService })).length === 0);
    await secret.remove();
    await config.remove();
    assert.deepEqual(await docker.listServices(), []);
  });
});
