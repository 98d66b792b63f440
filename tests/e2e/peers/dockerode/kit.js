/*
 * What dockerode's tests share: the client, containers that are removed after their test, archives, streams.
 *
 * The environment says what to test: DOCKER_HOST, and what test_peers_node.py sets (PEERS_…).
 */
"use strict";

const { randomUUID } = require("node:crypto");
const { once } = require("node:events");
const { PassThrough } = require("node:stream");
const { buffer, text } = require("node:stream/consumers");
const { setTimeout: pause } = require("node:timers/promises");
const Docker = require("dockerode");
const tar = require("tar-stream");

const docker = new Docker();
const IMAGE = process.env.PEERS_IMAGE;

/** A name that nothing else has. */
function unique(prefix = "peer") {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

const cleanups = new WeakMap();

/** Do something after the test: what is made last is removed first, for what is in use cannot be removed. */
function later(t, cleanup) {
  if (!cleanups.has(t)) {
    cleanups.set(t, []);
    t.after(async () => {
      for (const next of cleanups.get(t).reverse()) await next();
    });
  }
  cleanups.get(t).push(cleanup);
}

/** Create a container; it is removed after the test. `command` is a line for the shell, or a list of words. */
async function create(t, command, options = {}) {
  const Cmd = typeof command === "string" ? ["sh", "-c", command] : command;
  const container = await docker.createContainer({ Image: IMAGE, Cmd, name: unique(), ...options });
  later(t, () => remove(container));
  return container;
}

/** Create and start a container. */
async function run(t, command, options = {}) {
  const container = await create(t, command, options);
  await container.start();
  return container;
}

/** Remove a container that may be gone already. */
async function remove(container) {
  await container.remove({ force: true, v: true }).catch((error) => {
    if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
  });
}

/** Divide a multiplexed stream; two promises of everything in it. */
function divide(stream) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, out, err);
  const finish = () => {
    out.end();
    err.end();
  };
  stream.on("end", finish);
  stream.on("close", finish);
  return { out: text(out), err: text(err) };
}

/** Read a stream until what has come satisfies `enough`; return it. */
function readUntil(stream, enough) {
  return new Promise((resolve, reject) => {
    let seen = "";
    const settle = (how, what) => {
      stream.off("data", add);
      stream.off("error", fail);
      stream.off("end", end);
      how(what);
    };
    const fail = (error) => settle(reject, error);
    const end = () => fail(new Error(`the stream ended after: ${JSON.stringify(seen)}`));
    const add = (data) => {
      seen += data.toString();
      if (enough(seen)) settle(resolve, seen);
    };
    stream.on("data", add);
    stream.on("error", fail);
    stream.on("end", end);
  });
}

/** Run a command in a container to its end: exit code, standard output, standard error. */
async function exec(container, Cmd) {
  const command = await container.exec({ Cmd, AttachStdout: true, AttachStderr: true });
  const { out, err } = divide(await command.start({ hijack: true, stdin: false }));
  const said = { out: await out, err: await err };
  return { ...said, code: (await command.inspect()).ExitCode };
}

/** Make a tar of `files`, name to text or bytes. */
function archive(files) {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name }, content);
  pack.finalize();
  return pack;
}

/** Read a tar: name to bytes, of files only. */
async function unpack(stream) {
  const files = {};
  const extract = tar.extract();
  stream.pipe(extract);
  for await (const entry of extract) {
    const content = await buffer(entry);
    if (entry.header.type === "file") files[entry.header.name] = content;
  }
  return files;
}

/** Follow a stream of progress to its end; its messages. An error among them rejects. */
function progress(stream) {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error, messages = []) => {
      const failure = error ?? messages.find((message) => message.error);
      if (failure) reject(failure instanceof Error ? failure : new Error(failure.error));
      else resolve(messages);
    });
  });
}

/** Build an image from files; it is removed after the test. */
async function build(t, files, options = {}) {
  const name = `${unique("peer-image")}:latest`;
  later(t, () => removeImage(name));
  const stream = await docker.buildImage(archive(files), { t: name, ...options });
  return { name, messages: await progress(stream) };
}

/** Remove an image that may be gone already. */
async function removeImage(name) {
  await docker
    .getImage(name)
    .remove({ force: true })
    .catch((error) => {
      if (error.statusCode !== 404) throw error;
    });
}

/** Ask again and again until what is asked gives something true; return that. */
async function until(ask, seconds = 120) {
  for (const end = Date.now() + seconds * 1000; ; await pause(100)) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${ask}`);
  }
}

/** Wait until a stream has come to its end, or was closed. */
async function ended(stream) {
  stream.resume?.();
  if (!stream.readableEnded && !stream.destroyed) await Promise.race([once(stream, "end"), once(stream, "close")]);
}

module.exports = {
  IMAGE,
  archive,
  build,
  create,
  divide,
  docker,
  ended,
  exec,
  later,
  progress,
  readUntil,
  remove,
  removeImage,
  run,
  unique,
  unpack,
  until,
};
