/* Hijacked connections, half-close, terminals, streams that are followed and streams that are given up. */
"use strict";

const assert = require("node:assert/strict");
const { createHash, randomBytes } = require("node:crypto");
const { once } = require("node:events");
const http = require("node:http");
const { buffer, text } = require("node:stream/consumers");
const { PassThrough } = require("node:stream");
const { suite, test } = require("node:test");
const Docker = require("dockerode");
const { IMAGE, create, divide, docker, ended, exec, later, readUntil, run } = require("./kit");

const WITH_STDIN = { OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true };
const BOTH_WAYS = { stream: true, hijack: true, stdin: true, stdout: true, stderr: true };

suite("attach", () => {
  test("the end of standard input ends cat, and what comes after it still arrives", async (t) => {
    const container = await create(t, "cat; echo after; echo apart >&2; exit 3", WITH_STDIN);
    const stream = await container.attach(BOTH_WAYS);
    const { out, err } = divide(stream);
    await container.start();
    stream.end("typed\n");
    assert.equal(await out, "typed\nafter\n");
    assert.equal(await err, "apart\n");
    assert.equal((await container.wait()).StatusCode, 3);
  });

  test("eight megabytes go in and come back unchanged", async (t) => {
    const container = await create(t, ["cat"], WITH_STDIN);
    const stream = await container.attach(BOTH_WAYS);
    const out = new PassThrough();
    docker.modem.demuxStream(stream, out, process.stderr);
    stream.on("end", () => out.end());
    await container.start();
    const sent = randomBytes(8 * 1024 * 1024);
    const back = buffer(out);
    stream.end(sent);
    const digest = (data) => createHash("sha256").update(data).digest("hex");
    assert.equal(digest(await back), digest(sent));
  });

  test("a terminal has the size it is given, and a new one when it is resized", async (t) => {
    const container = await create(t, ["sh"], { ...WITH_STDIN, Tty: true });
    const stream = await container.attach(BOTH_WAYS);
    await container.start();
    await container.resize({ h: 21, w: 77 });
    stream.write("stty size\n");
    await readUntil(stream, (seen) => seen.includes("21 77"));
    await container.resize({ h: 33, w: 111 });
    stream.write("stty size\n");
    await readUntil(stream, (seen) => seen.includes("33 111"));
    stream.write("exit 4\n");
    await ended(stream);
    assert.equal((await container.wait()).StatusCode, 4);
  });

  test("the detach keys end the stream and leave the container running", async (t) => {
    const container = await create(t, ["sh"], { ...WITH_STDIN, StdinOnce: false, Tty: true });
    const stream = await container.attach({ ...BOTH_WAYS, detachKeys: "ctrl-p,ctrl-q" });
    await container.start();
    stream.write("echo a$((1 + 1))\n");
    await readUntil(stream, (seen) => seen.includes("a2"));
    stream.write("\x10");
    stream.write("\x11");
    await ended(stream);
    assert.equal((await container.inspect()).State.Running, true);
  });

  test("without standard input, what was printed before comes first", async (t) => {
    const container = await run(t, "echo early; sleep 600");
    const logs = await container.logs({ follow: true, stdout: true });
    await readUntil(logs, (seen) => seen.includes("early"));
    logs.destroy();
    const stream = await container.attach({ stream: true, logs: true, stdout: true, stderr: true });
    await readUntil(stream, (seen) => seen.includes("early"));
    await container.kill();
    await ended(stream);
  });

  test("run gives the output and the exit code", async (t) => {
    const out = new PassThrough();
    const [result, container] = await docker.run(IMAGE, ["sh", "-c", "echo hello; exit 5"], out, { Tty: true });
    later(t, () => container.remove({ force: true }));
    out.end();
    assert.equal(result.StatusCode, 5);
    assert.match(await text(out), /hello/);
  });
});

suite("exec", () => {
  test("standard output, standard error and the exit code", async (t) => {
    const container = await run(t, "sleep 600");
    const done = await exec(container, ["sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert.deepEqual(done, { out: "out\n", err: "err\n", code: 7 });
  });

  test("a hijacked stream ends the command's input and brings the rest of its output", async (t) => {
    const container = await run(t, "sleep 600");
    const command = await container.exec({
      Cmd: ["sh", "-c", "tr a-z A-Z; echo after"],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await command.start({ hijack: true, stdin: true });
    const { out } = divide(stream);
    stream.end("abc\n");
    assert.equal(await out, "ABC\nafter\n");
    assert.equal((await command.inspect()).ExitCode, 0);
  });

  test("a terminal is resized while it runs", async (t) => {
    const container = await run(t, "sleep 600");
    const command = await container.exec({ Cmd: ["sh"], Tty: true, AttachStdin: true, AttachStdout: true });
    const stream = await command.start({ hijack: true, stdin: true, Tty: true });
    stream.write("echo ready$((1 + 1))\n");
    await readUntil(stream, (seen) => seen.includes("ready2"));
    await command.resize({ h: 19, w: 123 });
    stream.write("stty size\n");
    await readUntil(stream, (seen) => seen.includes("19 123"));
    stream.write("exit 6\n");
    await ended(stream);
    assert.equal((await command.inspect()).ExitCode, 6);
  });

  test("a detached command runs on by itself", async (t) => {
    const container = await run(t, "mkfifo /pipe; cat /pipe");
    const command = await container.exec({ Cmd: ["sh", "-c", "echo from exec > /pipe"] });
    await ended(await command.start({ Detach: true }));
    await container.wait();
    const logs = await container.logs({ stdout: true });
    assert.match(logs.toString(), /from exec/);
  });

  test("the environment, the working folder and the user are the command's own", async (t) => {
    const container = await run(t, "sleep 600");
    const command = await container.exec({
      Cmd: ["sh", "-c", "echo $PEER $(pwd) $(id -u)"],
      Env: ["PEER=node"],
      WorkingDir: "/var/opt",
      User: "postgres",
      AttachStdout: true,
    });
    const { out } = divide(await command.start({ hijack: true, stdin: false }));
    assert.equal(await out, "node /var/opt 70\n");
  });

  test("a program that does not exist is exit code 127", async (t) => {
    const container = await run(t, "sleep 600");
    const done = await exec(container, ["no-such-program"]);
    assert.equal(done.code, 127);
    assert.match(done.out + done.err, /no-such-program/);
  });
});

suite("logs", () => {
  test("parts of them: the last lines, times, and one of the two streams", async (t) => {
    const container = await run(t, "for n in 1 2 3 4 5; do echo line $n; done");
    await container.wait();
    const last = await container.logs({ stdout: true, stderr: true, tail: 2 });
    assert.match(last.toString(), /line 4\n[^]*line 5\n$/);
    assert.doesNotMatch(last.toString(), /line 3/);
    const other = await run(t, "echo good; echo bad >&2");
    await other.wait();
    const timed = await other.logs({ stderr: true, timestamps: true });
    assert.doesNotMatch(timed.toString(), /good/);
    assert.match(timed.toString(), /\d{4}-\d\d-\d\dT\S+Z bad\n$/);
  });

  test("followed, a line comes when it is printed, and the end with the container's", async (t) => {
    const container = await run(t, "echo one; mkfifo /go; read answer < /go; echo $answer");
    const stream = await container.logs({ follow: true, stdout: true, stderr: true });
    await readUntil(stream, (seen) => seen.includes("one"));
    const rest = readUntil(stream, (seen) => seen.includes("two"));
    await exec(container, ["sh", "-c", "until [ -p /go ]; do usleep 50000; done; echo two > /go"]);
    await rest;
    await ended(stream);
    assert.equal((await container.inspect()).State.Running, false);
  });

  test("20,000 lines come whole and in order", async (t) => {
    const container = await run(t, "seq 20000");
    const { out } = divide(await container.logs({ follow: true, stdout: true }));
    const lines = (await out).split("\n");
    assert.equal(lines.pop(), "");
    assert.equal(lines.length, 20000);
    assert.ok(lines.every((line, index) => line === String(index + 1)));
  });
});

suite("giving up", () => {
  test("an abort ends logs that are followed, and not the container", async (t) => {
    const container = await run(t, "echo begun; sleep 600");
    const controller = new AbortController();
    const stream = await container.logs({ follow: true, stdout: true, abortSignal: controller.signal });
    await readUntil(stream, (seen) => seen.includes("begun"));
    const failed = once(stream, "error");
    controller.abort();
    const [error] = await failed;
    assert.match(`${error.name} ${error.code}`, /AbortError|ECONNRESET/);
    assert.equal((await container.inspect()).State.Running, true);
  });

  test("an abort ends a wait, and the next wait is answered", async (t) => {
    const container = await run(t, "mkfifo /go; read answer < /go; exit 9");
    const waiting = container.wait({ condition: "next-exit", abortSignal: AbortSignal.timeout(500) });
    await assert.rejects(waiting, { name: "AbortError" });
    const next = container.wait();
    await exec(container, ["sh", "-c", "until [ -p /go ]; do usleep 50000; done; echo now > /go"]);
    assert.equal((await next).StatusCode, 9);
  });

  test("a connection closed in the midst of an exec leaves others alone", async (t) => {
    const container = await run(t, "sleep 600");
    const command = await container.exec({ Cmd: ["yes"], AttachStdout: true });
    const stream = await command.start({ hijack: true, stdin: false });
    await once(stream, "data");
    stream.destroy();
    assert.deepEqual(await exec(container, ["echo", "still here"]), { out: "still here\n", err: "", code: 0 });
  });
});

suite("what is reported", () => {
  test("statistics, as a stream and once", async (t) => {
    const container = await run(t, "sleep 600");
    const stream = await container.stats({ stream: true });
    let lines = "";
    await readUntil(stream, (seen) => (lines = seen).split("\n").length > 2);
    stream.destroy();
    const [first, second] = lines.split("\n").map((line) => line && JSON.parse(line));
    assert.ok(second.read > first.read);
    assert.ok(second.memory_stats.usage > 0);
    const single = await container.stats({ stream: false, "one-shot": true });
    assert.equal(single.pids_stats.current, 1);
  });

  test("events of one container, in order, until the time that was said", async (t) => {
    const since = Math.floor(new Date((await docker.info()).SystemTime).getTime() / 1000);
    const container = await run(t, "true");
    await container.wait();
    await container.remove();
    const until = Math.ceil(new Date((await docker.info()).SystemTime).getTime() / 1000) + 1;
    const stream = await docker.getEvents({ since, until, filters: { container: [container.id] } });
    const actions = (await text(stream))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).Action);
    assert.deepEqual(actions, ["create", "start", "die", "destroy"]);
  });

  test("events as they happen", async (t) => {
    const container = await create(t, "true");
    const stream = await docker.getEvents({ filters: { container: [container.id], event: ["die"] } });
    const seen = readUntil(stream, (lines) => lines.includes("\n"));
    await container.start();
    const event = JSON.parse(await seen);
    stream.destroy();
    assert.equal(event.Actor.ID, container.id);
    assert.equal(event.Actor.Attributes.exitCode, "0");
  });
});

suite("connections", () => {
  test("four that are kept serve twenty requests", async (t) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    later(t, () => agent.destroy());
    const client = new Docker({ agent });
    const used = new Set();
    agent.on("free", (socket) => used.add(socket));
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.ping()));
    assert.ok(replies.every((reply) => reply.toString() === "OK"));
    assert.ok(used.size <= 4, `${used.size} connections`);
  });

  test("thirty streams at once, each with its own container's output", async (t) => {
    const container = await run(t, "sleep 600");
    const numbers = Array.from({ length: 30 }, (_, number) => String(number));
    const said = await Promise.all(numbers.map((number) => exec(container, ["echo", number])));
    assert.deepEqual(
      said.map(({ out }) => out.trim()),
      numbers,
    );
  });
});
