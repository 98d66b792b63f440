/* testcontainers: containers that are waited for in each way, their files and mounts, networks, compose. */
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const { mkdtemp, readFile, rm, writeFile } = require("node:fs/promises");
const path = require("node:path");
const { text } = require("node:stream/consumers");
const { suite, test } = require("node:test");
const Docker = require("dockerode");
const tar = require("tar-stream");
const { DockerComposeEnvironment, GenericContainer, Network, PullPolicy, Wait } = require("testcontainers");

const docker = new Docker();
const IMAGE = process.env.PEERS_IMAGE;
const STARTUP = 60_000;
const SERVE = ["sh", "-c", "mkdir /www; echo page > /www/index.html; echo serving; exec httpd -f -p 8080 -h /www"];

/** A container that serves one page at port 8080. */
function server() {
  return new GenericContainer(IMAGE).withCommand(SERVE).withExposedPorts(8080).withStartupTimeout(STARTUP);
}

/** A container that does nothing, at once. */
function idle() {
  return new GenericContainer(IMAGE).withCommand(["sleep", "600"]).withStartupTimeout(STARTUP);
}

/** Start; it is stopped and removed after the test. */
async function start(t, container) {
  const started = await container.start();
  t.after(() => started.stop({ timeout: 0 }));
  return started;
}

/** What the page says, by the address testcontainers gives. */
async function page(started, port = 8080) {
  return (await fetch(`http://${started.getHost()}:${started.getMappedPort(port)}/`)).text();
}

/** A folder below the user's home folder. */
async function folderInHome(t) {
  const folder = await mkdtemp(path.join(process.env.PEERS_HOME, "peer-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

suite("waiting", () => {
  test("for a port that listens, and then its page is there", async (t) => {
    const started = await start(t, server().withWaitStrategy(Wait.forListeningPorts()));
    assert.equal(await page(started), "page\n");
  });

  test("for a line in the logs, so many times", async (t) => {
    const command = ["sh", "-c", "for n in 1 2 3; do echo ready $n; done; sleep 600"];
    const started = await start(
      t,
      idle()
        .withCommand(command)
        .withWaitStrategy(Wait.forLogMessage(/ready \d/, 3)),
    );
    assert.match((await started.exec(["ps"])).output, /sleep 600/);
  });

  test("for an answer over HTTP", async (t) => {
    const http = Wait.forHttp("/index.html", 8080)
      .forStatusCode(200)
      .forResponsePredicate((body) => body === "page\n");
    const started = await start(t, server().withWaitStrategy(http));
    assert.equal(await page(started), "page\n");
  });

  test("for health", async (t) => {
    const check = { test: ["CMD-SHELL", "test -f /ready"], interval: 500, timeout: 20_000, retries: 100 };
    const command = ["sh", "-c", "usleep 500000; touch /ready; sleep 600"];
    const started = await start(
      t,
      idle().withCommand(command).withHealthCheck(check).withWaitStrategy(Wait.forHealthCheck()),
    );
    assert.equal((await started.exec(["ls", "/ready"])).exitCode, 0);
  });

  test("for a command that succeeds, and for a container that ends", async (t) => {
    await start(t, server().withWaitStrategy(Wait.forSuccessfulCommand("wget -q -O - http://127.0.0.1:8080/")));
    const short = idle().withCommand(["true"]).withWaitStrategy(Wait.forOneShotStartup());
    const done = await start(t, short);
    assert.equal((await docker.getContainer(done.getId()).inspect()).State.ExitCode, 0);
  });

  test("in vain is an error, and the container is removed", async () => {
    const label = randomUUID();
    const never = idle()
      .withLabels({ label })
      .withStartupTimeout(3_000)
      .withWaitStrategy(Wait.forLogMessage("never"));
    await assert.rejects(never.start(), /never/);
    assert.deepEqual(await docker.listContainers({ all: true, filters: { label: [`label=${label}`] } }), []);
  });
});

suite("a container", () => {
  test("runs commands: their output, exit code, folder, user and variables", async (t) => {
    const started = await start(t, idle());
    const failed = await started.exec(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert.deepEqual([failed.stdout, failed.stderr, failed.exitCode], ["out\n", "err\n", 3]);
    const own = await started.exec(["sh", "-c", "echo $PEER $(pwd) $(id -u)"], {
      workingDir: "/tmp",
      user: "70",
      env: { PEER: "node" },
    });
    assert.equal(own.output, "node /tmp 70\n");
  });

  test("gets files, contents, folders and archives, and gives them back", async (t) => {
    const folder = await folderInHome(t);
    await writeFile(path.join(folder, "file"), "from a file\n");
    const started = await start(
      t,
      idle()
        .withCopyFilesToContainer([{ source: path.join(folder, "file"), target: "/in/file", mode: 0o640 }])
        .withCopyContentToContainer([{ content: "from text\n", target: "/in/text" }])
        .withCopyDirectoriesToContainer([{ source: folder, target: "/in/folder" }]),
    );
    await started.copyContentToContainer([{ content: "later\n", target: "/in/later" }]);
    const read = await started.exec(["sh", "-c", "cd /in && cat file text folder/file later && stat -c %a file"]);
    assert.equal(read.output, "from a file\nfrom text\nfrom a file\nlater\n640\n");
    const extract = tar.extract();
    (await started.copyArchiveFromContainer("/in/text")).pipe(extract);
    for await (const entry of extract) assert.equal(await text(entry), "from text\n");
  });

  test("mounts a folder of the home folder, both ways", async (t) => {
    const folder = await folderInHome(t);
    await writeFile(path.join(folder, "from-host"), "host\n");
    const started = await start(t, idle().withBindMounts([{ source: folder, target: "/m" }]));
    const { output } = await started.exec(["sh", "-c", "cat /m/from-host; echo container > /m/from-container"]);
    assert.equal(output, "host\n");
    assert.equal(await readFile(path.join(folder, "from-container"), "utf8"), "container\n");
    await writeFile(path.join(folder, "from-host"), "changed\n");
    const changed = await started.exec([
      "sh",
      "-c",
      "for n in $(seq 100); do grep changed /m/from-host && exit; usleep 100000; done; exit 1",
    ]);
    assert.equal(changed.exitCode, 0);
  });

  test("that mounts the engine's socket, as the reaper does, asks the engine about itself", async (t) => {
    const source = process.env.DOCKER_HOST.replace("unix://", "");
    const image = new GenericContainer(process.env.PEERS_SOCAT_IMAGE).withCommand(["sleep", "600"]);
    const started = await start(t, image.withBindMounts([{ source, target: "/var/run/docker.sock" }]));
    const request = `GET /containers/${started.getId()}/json HTTP/1.0\\r\\n\\r\\n`;
    const { output } = await started.exec([
      "sh",
      "-c",
      `printf '${request}' | socat -t 60 - UNIX-CONNECT:/var/run/docker.sock`,
    ]);
    const [head, body] = output.split("\r\n\r\n");
    assert.match(head, /^HTTP\/1\.\d 200 OK/);
    assert.equal(JSON.parse(body).Id, started.getId());
  });

  test("has the limits, name, variables and folders it is given", async (t) => {
    const options = idle()
      .withResourcesQuota({ memory: 0.0625, cpu: 0.5 })
      .withEnvironment({ A: "b" })
      .withTmpFs({ "/fast": "rw,size=1m" });
    const started = await start(t, options.withHostname("peer").withWorkingDir("/tmp").withUser("nobody"));
    const { HostConfig, Config } = await docker.getContainer(started.getId()).inspect();
    assert.equal(HostConfig.Memory, 64 << 20);
    assert.equal(HostConfig.NanoCpus, 5e8);
    assert.equal(Config.Hostname, "peer");
    const { output } = await started.exec([
      "sh",
      "-c",
      "echo $A $(pwd) $(id -un); grep -c ' /fast tmpfs' /proc/mounts",
    ]);
    assert.equal(output, "b /tmp nobody\n1\n");
  });

  test("restarts with a new port, and its logs are a stream", async (t) => {
    const started = await start(t, server().withWaitStrategy(Wait.forListeningPorts()));
    await started.restart({ timeout: 1 });
    assert.equal(await page(started), "page\n");
    const logs = await started.logs();
    for await (const line of logs) if (line.includes("serving")) break;
    assert.ok(logs.destroyed);
  });

  test("is used again by the next that is the same", async (t) => {
    const same = () => idle().withLabels({ same: process.pid.toString() }).withReuse();
    const first = await same().start();
    t.after(() => docker.getContainer(first.getId()).remove({ force: true }));
    const second = await same().start();
    assert.equal(second.getId(), first.getId());
  });

  test("that is committed is an image", async (t) => {
    const started = await start(t, idle());
    await started.exec(["sh", "-c", "echo kept > /file"]);
    const name = `peer-commit:${process.pid}`;
    await started.commit({ repo: "peer-commit", tag: `${process.pid}`, deleteOnExit: false });
    t.after(() => docker.getImage(name).remove({ force: true }));
    const copy = await new GenericContainer(name)
      .withCommand(["sleep", "600"])
      .withPullPolicy(PullPolicy.defaultPolicy())
      .start();
    assert.equal((await copy.exec(["cat", "/file"])).output, "kept\n");
    await copy.stop({ timeout: 0 });
  });

  test("of an image that does not exist is an error", async () => {
    const missing = new GenericContainer(`${process.env.PEERS_REGISTRY}/no-such:image`);
    await assert.rejects(missing.start(), /not found|manifest unknown/);
  });
});

suite("an image", () => {
  for (const buildkit of [false, true]) {
    test(`is built from a Dockerfile${buildkit ? " by BuildKit" : ""}`, async (t) => {
      const context = await folderInHome(t);
      await writeFile(
        path.join(context, "Dockerfile"),
        `FROM ${IMAGE}\nARG WORD\nRUN echo $WORD > /word\nCMD ["sleep", "600"]\n`,
      );
      const name = `localhost/peer-built:${randomUUID()}`;
      const builder = GenericContainer.fromDockerfile(context).withBuildArgs({ WORD: "built" });
      const image = await (buildkit ? builder.withBuildkit() : builder).build(name, { deleteOnExit: false });
      t.after(() => docker.getImage(name).remove({ force: true }));
      const started = await image.start();
      assert.equal((await started.exec(["cat", "/word"])).output, "built\n");
      await started.stop({ timeout: 0 });
    });
  }
});

suite("a network", () => {
  test("names its containers by their aliases", async () => {
    const network = await new Network().start();
    const named = await server()
      .withNetwork(network)
      .withNetworkAliases("the-page")
      .withWaitStrategy(Wait.forListeningPorts())
      .start();
    const client = await idle().withNetwork(network).start();
    const { output } = await client.exec(["wget", "-q", "-O", "-", "http://the-page:8080/"]);
    assert.equal(output, "page\n");
    assert.match(named.getIpAddress(network.getName()), /^\d+\./);
    for (const container of [client, named]) await container.stop({ timeout: 0 });
    await network.stop();
    assert.deepEqual(await docker.listNetworks({ filters: { id: [network.getId()] } }), []);
  });
});

suite("compose", () => {
  test("services are up, waited for, reached, and down again with their volumes", async (t) => {
    const folder = await folderInHome(t);
    await writeFile(path.join(folder, "page"), "composed\n");
    const services = {
      web: {
        image: IMAGE,
        command: ["sh", "-c", "cp /host/page /data/index.html; exec httpd -f -p 8080 -h /data"],
        ports: ["8080"],
        volumes: ["./:/host:ro", "data:/data"],
        environment: { WORD: "${WORD}" },
      },
      other: { image: IMAGE, command: ["sleep", "600"], profiles: ["more"] },
    };
    await writeFile(path.join(folder, "compose.yaml"), JSON.stringify({ services, volumes: { data: {} } }));
    const project = `peer-${process.pid}`;
    const environment = new DockerComposeEnvironment(folder, "compose.yaml")
      .withProjectName(project)
      .withEnvironment({ WORD: "given" })
      .withStartupTimeout(STARTUP)
      .withWaitStrategy("web-1", Wait.forHttp("/", 8080));
    const up = await environment.up();
    const web = up.getContainer("web-1");
    assert.equal(await page(web), "composed\n");
    assert.equal((await web.exec(["sh", "-c", "echo $WORD"])).output, "given\n");
    assert.throws(() => up.getContainer("other-1"), /Cannot get container/);
    await up.down({ removeVolumes: true, timeout: 0 });
    const filters = { label: [`com.docker.compose.project=${project}`] };
    assert.deepEqual(await docker.listContainers({ all: true, filters }), []);
    assert.deepEqual((await docker.listVolumes({ filters })).Volumes ?? [], []);
  });
});
