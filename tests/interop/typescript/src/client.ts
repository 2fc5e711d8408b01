// A client of Likeness that carries out the commands on its standard input, one JSON object a line, and prints what came
// of each: what tests/interop asks of every language.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { EmbedderServiceClient } from "../gen/likeness/v1/embedder.js";
import { ImageSearchServiceClient } from "../gen/likeness/v1/image_search.js";
import { MaintenanceServiceClient } from "../gen/likeness/v1/maintenance.js";
import { calls, type Input, say } from "./calls.js";
import { describe, statusOf } from "./errors.js";

interface Command {
  call: string;
  addresses: string[];
  token?: string;
  service_config?: string;
  deadline_seconds?: number;
  cancel_after_seconds?: number;
  attempts?: number;
  with?: Input;
}

/** Makes the call, and makes it again for as long as the server asks for patience and the command has some. */
async function perform(command: Command): Promise<object> {
  const options = command.service_config ? { "grpc.service_config": command.service_config } : {};
  const target = `ipv4:${command.addresses.join(",")}`;
  const embedder = new EmbedderServiceClient(target, credentials.createInsecure(), options);
  const likeness = new ImageSearchServiceClient(target, credentials.createInsecure(), options);
  const maintenance = new MaintenanceServiceClient(target, credentials.createInsecure(), options);
  try {
    for (let attempts = 1; ; attempts++) {
      try {
        const how = { metadata: metadata(command), options: deadline(command), cancelAfterSeconds: command.cancel_after_seconds };
        return { ok: await calls[command.call]!({ embedder, likeness, maintenance, how }, command.with ?? {}), attempts };
      } catch (error) {
        const failure = describe(statusOf(error as ServiceError));
        if (!failure.retry_seconds || attempts >= (command.attempts ?? 1)) return { error: failure, attempts };
        say({ refused: failure });
        await sleep(failure.retry_seconds * 1000);
      }
    }
  } finally {
    embedder.close();
    likeness.close();
    maintenance.close();
  }
}

function metadata(command: Command): Metadata {
  const made = new Metadata();
  if (command.token) made.set("authorization", `Bearer ${command.token}`);
  return made;
}

function deadline(command: Command): { deadline?: number } {
  return command.deadline_seconds ? { deadline: Date.now() + command.deadline_seconds * 1000 } : {};
}

for await (const line of createInterface(process.stdin)) say(await perform(JSON.parse(line)));
