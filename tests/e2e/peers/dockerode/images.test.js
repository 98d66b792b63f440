/* Images: built from archives, by BuildKit too, pulled and pushed, saved and loaded. */
"use strict";

const assert = require("node:assert/strict");
const { mkdtemp, rm, writeFile } = require("node:fs/promises");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { buffer } = require("node:stream/consumers");
const { suite, test } = require("node:test");
const {
  IMAGE,
  archive,
  build,
  create,
  docker,
  later,
  progress,
  removeImage,
  run,
  unique,
  unpack,
  until,
} = require("./kit");

const REGISTRY = process.env.PEERS_REGISTRY;

/** What a container of the image prints. */
async function printed(t, image) {
  const container = await create(t, [], { Image: image, Cmd: undefined, Tty: true });
  await container.start();
  await container.wait();
  return (await container.logs({ stdout: true })).toString().replaceAll("\r", "");
}

suite("build", () => {
  test("from an archive, with arguments, a target and labels", async (t) => {
    const first = `FROM ${IMAGE} AS first\nARG WHAT=nothing\nRUN echo $WHAT > /what\nCMD ["cat", "/what"]\n`;
    const Dockerfile = `${first}FROM first AS second\nCMD ["false"]\n`;
    const options = { buildargs: { WHAT: "something" }, target: "first", labels: { peer: "node" } };
    const { name, messages } = await build(t, { Dockerfile }, options);
    assert.ok(messages.some(({ stream }) => stream?.includes("Successfully tagged")));
    assert.equal(await printed(t, name), "something\n");
    assert.equal((await docker.getImage(name).inspect()).Config.Labels.peer, "node");
  });

  test("from a folder, without what .dockerignore names", async (t) => {
    const context = await mkdtemp(path.join(tmpdir(), "peer-"));
    later(t, () => rm(context, { recursive: true }));
    await writeFile(path.join(context, "other.Dockerfile"), `FROM ${IMAGE}\nCOPY . /in\nCMD ["ls", "/in"]\n`);
    for (const name of ["kept", "dropped"]) await writeFile(path.join(context, name), name);
    await writeFile(path.join(context, ".dockerignore"), "dropped\n");
    const name = `${unique("peer-image")}:latest`;
    later(t, () => removeImage(name));
    const source = { context, src: ["other.Dockerfile", "kept", "dropped"] };
    await progress(await docker.buildImage(source, { t: name, dockerfile: "other.Dockerfile" }));
    assert.deepEqual((await printed(t, name)).trim().split(/\s+/), ["kept", "other.Dockerfile"]);
  });

  test("by BuildKit, over a session of its own", async (t) => {
    const Dockerfile = `FROM ${IMAGE}\nRUN --mount=type=tmpfs,target=/t echo new > /made\nCMD ["cat", "/made"]\n`;
    const { name } = await build(t, { Dockerfile }, { version: "2" });
    assert.equal(await printed(t, name), "new\n");
  });

  test("a step that fails is an error with its exit code", async (t) => {
    await assert.rejects(build(t, { Dockerfile: `FROM ${IMAGE}\nRUN exit 12\n` }), /returned a non-zero code: 12/);
    await assert.rejects(build(t, { Dockerfile: "FORM nothing\n" }), {
      statusCode: 400,
      message: /unknown instruction/i,
    });
  });

  test("an abort ends the step that runs", async (t) => {
    const controller = new AbortController();
    const label = unique("aborted");
    const options = { abortSignal: controller.signal, labels: { [label]: "1" }, rm: true, forcerm: true };
    const stream = await docker.buildImage(
      archive({ Dockerfile: `FROM ${IMAGE}\nRUN echo begun && sleep 600\n` }),
      options,
    );
    const failed = new Promise((resolve) => stream.on("error", resolve));
    for await (const data of stream.iterator({ destroyOnReturn: false }))
      if (data.toString().includes('begun\\n"')) break;
    controller.abort();
    assert.match(`${(await failed).name}`, /AbortError|Error/);
    const left = () => docker.listContainers({ filters: { label: [label] } });
    await until(async () => (await left()).length === 0);
  });
});

suite("the registry", () => {
  test("what is pushed is pulled again, by tag and by digest", async (t) => {
    const repo = `${REGISTRY}/${unique("peer")}`;
    const { name } = await build(t, {
      Dockerfile: `FROM ${IMAGE}\nRUN echo pushed > /file\nCMD ["cat", "/file"]\n`,
    });
    const image = docker.getImage(name);
    await image.tag({ repo, tag: "v1" });
    later(t, () => removeImage(`${repo}:v1`));
    const messages = await progress(await docker.getImage(`${repo}:v1`).push({ authconfig: {} }));
    const { Digest } = messages.find(({ aux }) => aux).aux;
    const before = (await image.inspect()).Id;
    await removeImage(`${repo}:v1`);
    await removeImage(name);
    await progress(await docker.pull(`${repo}:v1`));
    assert.equal((await docker.getImage(`${repo}:v1`).inspect()).Id, before);
    assert.equal(await printed(t, `${repo}:v1`), "pushed\n");
    assert.equal((await docker.getImage(`${repo}:v1`).distribution()).Descriptor.digest, Digest);
    await progress(await docker.pull(`${repo}@${Digest}`));
    assert.deepEqual((await docker.getImage(`${repo}@${Digest}`).inspect()).RepoDigests, [`${repo}@${Digest}`]);
  });

  test("what is not there cannot be pulled, nor pushed", async () => {
    await assert.rejects(docker.pull(`${REGISTRY}/no-such:image`), {
      statusCode: 404,
      message: /not found|manifest unknown/,
    });
    await assert.rejects(docker.getImage(`${REGISTRY}/no-such:image`).push({}).then(progress), /does not exist/);
  });
});

suite("archives", () => {
  test("a saved image is loaded again with its name, from one archive for two", async (t) => {
    const files = (word) => ({ Dockerfile: `FROM ${IMAGE}\nCMD ["echo", "${word}"]\n` });
    const names = [(await build(t, files("one"))).name, (await build(t, files("two"))).name];
    const ids = await Promise.all(names.map(async (name) => (await docker.getImage(name).inspect()).Id));
    const saved = await buffer(await docker.getImages({ names }));
    await Promise.all(names.map(removeImage));
    await progress(await docker.loadImage(saved));
    const again = await Promise.all(names.map(async (name) => (await docker.getImage(name).inspect()).Id));
    assert.deepEqual(again, ids);
    const single = await unpack(await docker.getImage(names[0]).get());
    assert.deepEqual(JSON.parse(single["manifest.json"])[0].RepoTags, [names[0]]);
  });

  test("a container's export is imported as an image of one layer", async (t) => {
    const container = await run(t, "echo exported > /file");
    await container.wait();
    const repo = unique("peer-image");
    later(t, () => removeImage(`${repo}:v1`));
    const stream = await docker.importImage(await buffer(await container.export()), {
      repo,
      tag: "v1",
      changes: 'CMD ["cat", "/file"]',
    });
    await progress(stream);
    assert.equal((await docker.getImage(`${repo}:v1`).inspect()).RootFS.Layers.length, 1);
    assert.equal(await printed(t, `${repo}:v1`), "exported\n");
  });
});

suite("what there is", () => {
  test("history, lists, tags and their removal", async (t) => {
    const { name } = await build(t, { Dockerfile: `FROM ${IMAGE}\nLABEL peer.list=yes\nENV A=b\n` });
    const history = await docker.getImage(name).history();
    assert.match(history[0].CreatedBy, /ENV A=b/);
    const listed = await docker.listImages({ filters: { label: ["peer.list"] } });
    assert.deepEqual(
      listed.map(({ RepoTags }) => RepoTags),
      [[name]],
    );
    const other = unique("peer-image");
    await docker.getImage(name).tag({ repo: other, tag: "second" });
    const removed = await docker.getImage(`${other}:second`).remove();
    assert.deepEqual(removed, [{ Untagged: `${other}:second` }]);
    const container = await create(t, "true", { Image: name });
    await assert.rejects(docker.getImage(name).remove(), {
      statusCode: 409,
      message: /is using its referenced image|must be forced/,
    });
    await container.remove();
  });

  test("the space that is used, counted by kind", async (t) => {
    const container = await run(t, "dd if=/dev/zero of=/zero bs=1M count=3");
    await container.wait();
    const { Containers, Images, Volumes } = await docker.df();
    assert.ok(Containers.find(({ Id }) => Id === container.id).SizeRw >= 3 << 20);
    assert.ok(Images.some(({ RepoTags }) => RepoTags?.includes(IMAGE)));
    assert.ok(Array.isArray(Volumes));
  });
});
