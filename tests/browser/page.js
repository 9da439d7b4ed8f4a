// What a page does with the service, by the libraries that pages use. Bundled by drive.mjs; `run` is called from there.
import { create, createFileRegistry, createRegistry, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, anyPack, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { grpc } from "@improbable-eng/grpc-web";
import * as google from "grpc-web";

let registry;
const pack = (value) => anyPack(StringValueSchema, create(StringValueSchema, { value }));
const deltas = (frames) => frames.filter((frame) => !frame.metrics);

/** Find a method and its messages in the descriptors that the service itself is built from. */
function method(service, name) {
  const found = registry.getService(service).methods.find((one) => one.name === name);
  const { input, output } = found;
  return {
    path: `/${service}/${name}`,
    input,
    write: (value) => toBinary(input, create(input, value)),
    read: (bytes) => toJson(output, fromBinary(output, bytes), { registry }),
  };
}

const oldChat = (model) => ({
  conversations: [
    create(registry.getMessage("integration.per_provider.Message"), {
      role: "user",
      contents: [
        create(registry.getMessage("integration.per_provider.Content"), {
          contentType: "text",
          contentFormat: "raw",
          content: new TextEncoder().encode("Say hello"),
        }),
      ],
    }),
  ],
  modelParameters: { "model.name": pack(model) },
});

const newMessage = () =>
  fromJson(registry.getMessage("integration.common.Message"), { role: "user", user: { content: "Say hello" } });

const scenarios = {
  /** The platform's own pages: @improbable-eng/grpc-web, a server stream. */
  improbable: ({ url, metadata, model }) =>
    new Promise((resolve) => {
      const { path, write, read } = method("integration_api.OpenAiService", "StreamChat");
      const [, serviceName, methodName] = path.split("/");
      const frames = [];
      grpc.invoke(
        {
          methodName,
          service: { serviceName },
          requestStream: false,
          responseStream: true,
          requestType: Object,
          responseType: { deserializeBinary: read },
        },
        {
          host: url,
          request: { serializeBinary: () => write(oldChat(model)) },
          metadata: new grpc.Metadata(metadata),
          onMessage: (frame) => frames.push(frame),
          onEnd: (status, message) => resolve({ status, message, frames, deltas: deltas(frames).length }),
        },
      );
    }),

  /** Google's grpc-web: a server stream in base64, as it must be for streaming there. */
  google: ({ url, metadata, model }) =>
    new Promise((resolve) => {
      const { path, write, read } = method("integration_api.OpenAiService", "StreamChat");
      const client = new google.GrpcWebClientBase({ format: "text" });
      const described = new google.MethodDescriptor(
        path, google.MethodType.SERVER_STREAMING, Object, Object, write, read,
      );
      const frames = [];
      const stream = client.serverStreaming(url + path, oldChat(model), metadata, described);
      stream.on("data", (frame) => frames.push(frame));
      stream.on("error", (error) => resolve({ status: error.code, message: error.message, frames }));
      stream.on("end", () => resolve({ status: 0, frames, deltas: deltas(frames).length }));
    }),

  /** Google's grpc-web, one question and one answer, in binary. */
  unary: ({ url, metadata, model }) => {
    const { path, write, read } = method("integration_api.UnifiedProviderService", "Chat");
    const client = new google.GrpcWebClientBase({ format: "binary" });
    const described = new google.MethodDescriptor(path, google.MethodType.UNARY, Object, Object, write, read);
    const [providerName, name] = model.split("/");
    const request = { providerName, conversations: [newMessage()], modelParameters: { "model.name": pack(name) } };
    return new Promise((resolve) =>
      client.rpcCall(url + path, request, metadata, described, (error, answer) =>
        resolve(error ? { status: error.code, message: error.message } : { status: 0, answer }),
      ),
    );
  },

  /** Both frames of a bidirectional call in one body, which is all that a page can send; the answer as it comes. */
  conversation: async ({ url, metadata, model }) => {
    const { path, input, read } = method("integration_api.UnifiedProviderService", "StreamChat");
    const [providerName, name] = model.split("/");
    const frame = (bytes) => {
      const framed = new Uint8Array(5 + bytes.length);
      new DataView(framed.buffer).setUint32(1, bytes.length);
      framed.set(bytes, 5);
      return framed;
    };
    const body = [
      { configuration: { providerName } },
      {
        chat: {
          requestId: "turn-1",
          conversations: [{ role: "user", user: { content: "Say hello" } }],
          modelParameters: {
            "model.name": { "@type": "type.googleapis.com/google.protobuf.StringValue", value: name },
          },
        },
      },
    ].map((value) => frame(toBinary(input, fromJson(input, value, { registry }))));
    const answer = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", ...metadata },
      body: new Blob(body),
    });
    let reads = 0;
    let left = new Uint8Array();
    const frames = [];
    let trailers = "";
    for (const reader = answer.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      reads += 1;
      const bytes = new Uint8Array(left.length + value.length);
      bytes.set(left);
      bytes.set(value, left.length);
      left = bytes;
      while (left.length >= 5) {
        const size = new DataView(left.buffer, left.byteOffset).getUint32(1);
        if (left.length < 5 + size) break;
        const payload = left.slice(5, 5 + size);
        if (left[0] & 0x80) trailers = new TextDecoder().decode(payload);
        else frames.push(read(payload));
        left = left.slice(5 + size);
      }
    }
    return { reads, frames, trailers, requestId: answer.headers.get("x-request-id") };
  },

  /** REST, from the same page: a stream of server-sent events. */
  rest: async ({ url, metadata, model }) => {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...metadata },
      body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Say hello" }] }),
    });
    return { status: answer.status, text: await answer.text(), requestId: answer.headers.get("x-request-id") };
  },
};

window.run = async (name, given) => {
  if (!registry) {
    const described = new Uint8Array(await (await fetch("/services.binpb")).arrayBuffer());
    registry = createRegistry(createFileRegistry(fromBinary(FileDescriptorSetSchema, described)), StringValueSchema);
  }
  try {
    return await scenarios[name](given);
  } catch (error) {
    return { failed: String(error) };
  }
};
