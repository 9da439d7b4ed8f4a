// loop.c - everybody around a voice loop, in one thread and on one clock: the carrier, Deepgram, a model, ElevenLabs, and the caller.
// usage: loop PORT TARGET_PORT ROLE PID CALLS SECONDS WARM PIECE KEY < calls
// ROLE is "service", with a line `MEDIA_PATH SIGNATURE CALL_ID CALL_SID` for each call on stdin, or "direct": then carrier and caller
// talk to the providers themselves, which is the least that the same partners need without anything between.
// A turn takes 2 s: a marked frame is heard and told as final, the model is asked, its words are spoken. In every second turn
// somebody speaks before the answer is over. Prints "ready", "begin", "end" and a line of JSON; times are in microseconds.
// ElevenLabs sends PIECE frames in one message, every PIECE * 20 ms.
// "sum" is a turn's; "own" is that without what this process and the main thread of PID could have run in it and did not, since
// others had their cores.
#include <fcntl.h>
#include "loop_wire.h"

#define PERIOD 20000000LL
#define TURN 100                // frames from one turn to the next
#define SPOKEN 90               // frames of an answer
#define BARGE 70                // the frame of a turn in which somebody speaks again
#define WORDS 20                // pieces of an answer's text, 20 ms apart
#define MOST 256
enum { FINAL = 1, INTERIM };
enum { TO_EAR, TO_CALLER, TO_MODEL, FROM_MODEL, TO_VOICE, TO_CARRIER, HOPS };
static const char *NAMES[HOPS] = {"to_ear", "to_caller", "to_model", "from_model", "to_voice", "to_carrier"};

struct call {
  char path[512], signature[64], id[32], sid[64];
  conn *carrier, *caller, *chat, *heard, *speaker;
  int ready;
  uint32_t number;              // frames said
  int turn, apart;
  // the ear
  conn *ear;
  uint32_t ear_next;
  // the model
  conn *model;
  int words;                    // still to come of its answer
  // the voice
  conn *voice;
  char context[32];
  int left, spoken, spoken_turn, rests;
  // the carrier
  int heard_turn, heard_next, cleared_turn;
  // this turn
  long long from, waited, told_at, asked_at, word_at, text_at, barge_at, old_at, hop[HOPS];
  int asked_turn, worded_turn;
};

static call calls[MOST];
static int n_calls, pieces, port, target, service, ready, stopping;
static const char *key;
static long long begin_at = 1LL << 62, end_at = 1LL << 62;
static int schedstats[2] = {-1, -1};
static delays hops[HOPS], sum, own, sound_in, sound_out, barge, hushed, late;
static long lost_in, lost_out, old_sound, turns, turns_begun, barges, barges_begun, strange, closed_early;

static int counts(long long at) { return at >= begin_at && at < end_at; }

static long long waited(void) {
  long long all = 0, ran, one;
  for (int i = 0; i < 2; i++) {
    char words[128];
    ssize_t n = schedstats[i] < 0 ? 0 : pread(schedstats[i], words, sizeof words - 1, 0);
    if (n <= 0) continue;
    words[n] = 0;
    if (sscanf(words, "%lld %lld", &ran, &one) == 2) all += one;
  }
  return all;
}

// --- Deepgram ---

static void tells(call *c, int final) {
  char words[1024];
  double to = c->ear_next * 0.02;
  int n = sprintf(words, "{\"type\":\"Results\",\"channel_index\":[0,1],\"duration\":0.5,\"start\":%.2f,\"is_final\":%s,\"speech_final\":%s,"
                         "\"channel\":{\"alternatives\":[{\"transcript\":\"a table for two\",\"confidence\":0.98,\"words\":[", to - 0.5,
                  final ? "true" : "false", final ? "true" : "false");
  static const char *said[] = {"a", "table", "for", "two"};
  for (int i = 0; i < 4; i++)
    n += sprintf(words + n, "%s{\"word\":\"%s\",\"start\":%.2f,\"end\":%.2f,\"confidence\":0.97,\"punctuated_word\":\"%s\"}", i ? "," : "", said[i],
                 to - 0.5 + i * 0.08, to - 0.5 + i * 0.08 + 0.07, said[i]);
  sprintf(words + n, "]}]},\"metadata\":{\"request_id\":\"3f0f7a3e\",\"model_info\":{\"name\":\"general-nova-3\",\"version\":\"2025-01-09\",\"arch\":\"nova-3\"}},"
                     "\"from_finalize\":false}");
  if (final) c->told_at = now(); else c->barge_at = now();
  text(c->ear, words);
}

static void ear_hears(conn *e, int opcode, unsigned char *data, size_t len) {
  if (opcode == WS_TEXT) {
    if (memmem(data, len, "CloseStream", 11)) {
      text(e, "{\"type\":\"Metadata\",\"request_id\":\"3f0f7a3e\",\"duration\":1.0,\"channels\":1}");
      ws_send(&e->ws, WS_CLOSE, "\x03\xe8", 2);
    }
    return;
  }
  long long t = now();
  for (; len >= FRAME; data += FRAME, len -= FRAME) {
    stamp s = stamp_of(data);
    if (s.call >= n_calls) { strange++; return; }
    call *c = &calls[s.call];
    c->ear = e;
    lost_in += s.number != c->ear_next;
    c->ear_next = s.number + 1;
    if (counts(s.at)) delays_add(&sound_in, t - s.at);
    if (s.flag == FINAL) { c->from = s.at; c->hop[TO_EAR] = t - s.at; turns_begun += counts(s.at); tells(c, 1); }
    else if (s.flag == INTERIM) { barges_begun += counts(s.at); tells(c, 0); }
  }
  if (len) strange++;
}

// --- the model ---

static void piece(conn *m, const char *payload) {
  char words[1024];
  int n = strlen(payload);
  n = sprintf(words, "%x\r\n%s\r\n", n, payload);
  ws_raw(&m->ws, words, n);
}

#define CHUNK "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\"model\":\"gpt-4o-mini-2024-07-18\"," \
              "\"system_fingerprint\":\"fp_06737a9306\",\"choices\":[{\"index\":0,\"delta\":"

static void says_word(call *c) {
  char words[512];
  int first = c->words == WORDS;
  if (first) c->word_at = now();
  sprintf(words, CHUNK "{\"content\":\"%s %d %d words \"},\"logprobs\":null,\"finish_reason\":null}]}\n\n", first ? "call" : "more", (int)(c - calls), c->asked_turn);
  piece(c->model, words);
  if (--c->words == 0) {
    piece(c->model, CHUNK "{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n");
    piece(c->model, "data: [DONE]\n\n");
    ws_raw(&c->model->ws, "0\r\n\r\n", 5);
  }
}

static void model_asked(conn *m) {
  char *in = (char *)m->ws.in, *head, *found;
  in[m->ws.in_len] = 0;
  if (!(head = strstr(in, "\r\n\r\n")) || !(found = strcasestr(in, "content-length:"))) return;
  size_t whole = head + 4 - in + atoi(found + 15);
  if (m->ws.in_len < whole) return;
  int of = -1, turn = 0;
  if ((found = strstr(head, "call "))) sscanf(found, "call %d %d", &of, &turn);
  ws_consume(&m->ws, whole);
  if (of < 0 || of >= n_calls) { strange++; return; }
  call *c = &calls[of];
  c->hop[TO_MODEL] = now() - c->asked_at;
  c->model = m;
  c->words = WORDS;
  static const char *answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
  ws_raw(&m->ws, answer, strlen(answer));
  piece(m, CHUNK "{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
  says_word(c);
}

// --- ElevenLabs ---

static void is_silent(conn *voice, const char *context) {
  char words[128];
  sprintf(words, "{\"is_final\":true,\"contextId\":\"%s\"}", context);
  text(voice, words);
}

static void speaks(call *c) {
  static unsigned char frames[SPOKEN * FRAME];
  static char words[SPOKEN * 256], sound[SPOKEN * 256];
  int n = 0;
  for (long long at = now(); n < pieces && c->left; n++, c->left--)
    stamped(frames + n * FRAME, (stamp){.number = c->spoken++, .call = c - calls, .turn = c->spoken_turn, .at = at}, 1);
  encoded(frames, n * FRAME, sound);
  sprintf(words, "{\"audio\":\"%s\",\"alignment\":{\"charStartTimesMs\":[0],\"charDurationsMs\":[20],\"chars\":[\"a\"]},"
                 "\"normalizedAlignment\":null,\"contextId\":\"%s\"}", sound, c->context);
  text(c->voice, words);
  if (!c->left) is_silent(c->voice, c->context);
}

static void voice_told(conn *v, unsigned char *data, size_t len) {
  char words[2048], context[32] = "", *found;
  int of = -1, turn = 0;
  if (len >= sizeof words) { strange++; return; }
  memcpy(words, data, len);
  words[len] = 0;
  if (strstr(words, "close_socket")) { ws_send(&v->ws, WS_CLOSE, "\x03\xe8", 2); return; }
  if ((found = strstr(words, "\"context_id\":\""))) sscanf(found + 14, "%31[^\"]", context);
  if (stopping) { if (strstr(words, "close_context")) is_silent(v, context); return; }
  if (!(found = strstr(words, "\"call "))) return;
  sscanf(found, "\"call %d %d", &of, &turn);
  if (of < 0 || of >= n_calls) { strange++; return; }
  call *c = &calls[of];
  c->hop[TO_VOICE] = now() - c->text_at;
  if (c->left) strange++;       // the answer before was to be over
  c->voice = v;
  strcpy(c->context, context);
  c->left = SPOKEN;
  c->spoken = c->rests = 0;
  c->spoken_turn = turn;
  speaks(c);
}

// --- the carrier ---

static void begins(call *c) {
  char words[512];
  text(c->carrier, "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}");
  sprintf(words, "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"accountSid\":\"AC00000000000000000000000000000001\",\"streamSid\":\"MZ%d\",\"callSid\":\"%s\","
                 "\"tracks\":[\"inbound\"],\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},\"customParameters\":{}},"
                 "\"streamSid\":\"MZ%d\"}", (int)(c - calls), c->sid, (int)(c - calls));
  text(c->carrier, words);
}

static void carrier_says(call *c) {
  unsigned char frame[FRAME];
  char words[512], sound[256];
  int at = (c->number + c->apart) % TURN;
  if (at == 0) c->turn++;
  if (at == 0) c->waited = waited();
  int flag = !c->turn ? 0 : at == 0 ? FINAL : at == BARGE && c->turn % 2 ? INTERIM : 0;
  stamp s = {.number = c->number++, .call = c - calls, .turn = c->turn, .flag = flag, .at = now()};
  stamped(frame, s, at >= BARGE);
  if (!service) { ws_send(&c->heard->ws, WS_BINARY, frame, FRAME); return; }
  encoded(frame, FRAME, sound);
  sprintf(words, "{\"event\":\"media\",\"sequenceNumber\":\"%u\",\"media\":{\"track\":\"inbound\",\"chunk\":\"%u\",\"timestamp\":\"%u\",\"payload\":\"%s\"},\"streamSid\":\"MZ%d\"}",
          s.number + 2, s.number + 1, s.number * 20, sound, (int)(c - calls));
  text(c->carrier, words);
}

// One frame has come back to whoever is on the telephone.
static void sounds(call *c, const unsigned char *frame) {
  stamp s = stamp_of(frame);
  long long t = now();
  if (s.call != c - calls) { strange++; return; }
  if (s.turn == c->cleared_turn) { old_sound++; return; }
  if (counts(s.at)) delays_add(&sound_out, t - s.at);
  if (s.turn != c->heard_turn) {
    if (c->heard_turn && c->heard_turn % 2 == 0) lost_out += SPOKEN - c->heard_next;
    c->heard_turn = s.turn;
    c->heard_next = 0;
    c->hop[TO_CARRIER] = t - s.at;
    if (counts(c->from)) {
      long long all = 0;
      turns++;
      for (int i = 0; i < HOPS; i++) { delays_add(&hops[i], c->hop[i]); all += c->hop[i]; }
      delays_add(&sum, all);
      delays_add(&own, all - (waited() - c->waited));
    }
  }
  lost_out += s.number != c->heard_next;
  c->heard_next = s.number + 1;
  c->old_at = t;
}

static void carrier_told(call *c, char *words) {
  unsigned char sound[4096];
  char *found;
  if ((found = strstr(words, "\"payload\":\""))) {
    int len = decoded(found + 11, sound, sizeof sound);
    strange += len % FRAME != 0;
    for (int at = 0; at + FRAME <= len; at += FRAME) sounds(c, sound + at);
  } else if (strstr(words, "\"event\":\"clear\"")) {
    if (c->barge_at && c->heard_turn % 2) {
      c->cleared_turn = c->heard_turn;
      if (counts(c->barge_at)) {
        barges++;
        delays_add(&barge, now() - c->barge_at);
        delays_add(&hushed, c->old_at - c->barge_at);
      }
      c->barge_at = 0;
    } else strange++;
  } else if (strstr(words, "\"event\":\"mark\"")) text(c->carrier, words);  // All that came before it has been played.
}

// --- the caller ---

static void asks(call *c) {
  char body[512], head[512];
  c->hop[TO_CALLER] = now() - c->told_at;
  c->asked_turn = c->turn;
  int n = sprintf(body, "{\"model\":\"%sgpt-4o-mini\",\"stream\":true,\"messages\":[{\"role\":\"system\",\"content\":\"You answer the telephone of a restaurant.\"},"
                        "{\"role\":\"user\",\"content\":\"call %d %d wants a table for two\"}]}", service ? "openai/" : "", (int)(c - calls), c->asked_turn);
  int h = sprintf(head, "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", key, n);
  memcpy(head + h, body, n);
  c->asked_at = now();
  ws_raw(&c->chat->ws, head, h + n);
}

static void has_spoken(call *c, const char *content, int final) {
  char words[512];
  int first = c->worded_turn != c->asked_turn;
  if (first) { c->hop[FROM_MODEL] = now() - c->word_at; c->worded_turn = c->asked_turn; }
  if (service)
    sprintf(words, "{\"type\":\"text\",\"utterance_id\":\"t%d\",\"text\":\"%s\",\"final\":%s}", c->asked_turn, content, final ? "true" : "false");
  else
    sprintf(words, "{\"text\":\"%s\",\"context_id\":\"t%d\"%s}", content, c->asked_turn, final ? ",\"close_context\":true" : "");
  if (first) c->text_at = now();
  text(service ? c->caller : c->speaker, words);
}

// Take the whole events of an answer that is streamed.
static void answered(conn *h) {
  char *in = (char *)h->ws.in, *at = in, *end, *found;
  in[h->ws.in_len] = 0;
  while ((end = strstr(at, "\n\n"))) {
    *end = 0;
    if ((found = strstr(at, "data: [DONE]"))) has_spoken(h->of, "", 1);
    else if ((found = strstr(at, "\"content\":\""))) {
      char content[128] = "";
      sscanf(found + 11, "%127[^\"]", content);
      if (*content) has_spoken(h->of, content, 0);
    } else if (strstr(at, "\"error\"")) { fprintf(stderr, "%s\n", at); strange++; }
    at = end + 2;
  }
  ws_consume(&h->ws, at - in);
}

static void is_ready(call *c) { if (++c->ready == 2) ready++; }

static void caller_told(call *c, char *words) {
  if (strstr(words, "\"type\":\"stt\"")) {
    if (strstr(words, "\"event\":{\"type\":\"final\"")) asks(c);
    else if (strstr(words, "\"event\":{\"type\":\"ready\"")) is_ready(c);
  } else if (strstr(words, "\"type\":\"tts\"")) {
    if (strstr(words, "\"event\":{\"type\":\"ready\"")) is_ready(c);
  } else if (strstr(words, "\"type\":\"warning\"") || strstr(words, "\"type\":\"error\"")) { fprintf(stderr, "%s\n", words); strange++; }
}

// --- all ---

static void dials(call *c) {
  char path[128], bearer[256];
  sprintf(bearer, "Bearer %s", key);
  c->chat = dialled(service ? target : port, CHAT, c);
  if (service) {
    sprintf(path, "/v1/voice/media/%s", c->id);
    c->caller = socket_to(target, CALLER, c, path, "Authorization", bearer);
    return;
  }
  c->heard = socket_to(port, HEARD, c, "/v1/listen", "Authorization", bearer);
  c->speaker = socket_to(port, SPEAKER, c, "/v1/text-to-speech/v1/multi-stream-input", "Authorization", bearer);
}

static void is_up(conn *c) {
  if (c->kind == CARRIER) begins(c->of);
  else if (c->kind == CALLER) {
    text(c, "{\"type\":\"attach\"}");
    c->of->carrier = socket_to(target, CARRIER, c->of, c->of->path, "X-Twilio-Signature", c->of->signature);
  } else is_ready(c->of);
}

static void heard(conn *c, int opcode, unsigned char *data, size_t len) {
  unsigned char kept = data[len];
  data[len] = 0;
  char *words = (char *)data, *found;
  switch (c->kind) {
    case EAR: ear_hears(c, opcode, data, len); break;
    case VOICE: voice_told(c, data, len); break;
    case CARRIER: carrier_told(c->of, words); break;
    case CALLER: caller_told(c->of, words); break;
    case HEARD: if (strstr(words, "\"is_final\":true")) asks(c->of); break;
    case SPEAKER:
      if ((found = strstr(words, "\"audio\":\""))) { 
        static unsigned char sound[SPOKEN * FRAME];
        int n = decoded(found + 9, sound, sizeof sound);
        for (int i = 0; i + FRAME <= n; i += FRAME) sounds(c->of, sound + i);
      }
  }
  data[len] = kept;
}

static void reads(conn *c) {
  size_t at = 0, len;
  unsigned char *data;
  int opcode;
  if (c->ws.fd < 0) return;
  if (ws_fill(&c->ws)) { closed_early += !stopping; hang_up(c); return; }
  if (c->kind == CHAT) { answered(c); return; }
  if (c->kind == MODEL) { model_asked(c); return; }
  if (!c->up) {
    char *in = (char *)c->ws.in, *end;
    in[c->ws.in_len] = 0;
    if (!c->kind && !strncmp(in, "POST", 4)) { c->kind = MODEL; model_asked(c); return; }
    if (!(end = strstr(in, "\r\n\r\n"))) return;
    *end = 0;
    c->up = 1;
    at = end + 4 - in;
    if (!c->kind) { c->kind = strstr(in, "/v1/listen") ? EAR : VOICE; shaken(c, in); }
    else if (strncmp(in, "HTTP/1.1 101", 12)) { fprintf(stderr, "%s\n%s\n", in, end + 4); exit(1); }
    else is_up(c);
  }
  while (c->ws.fd >= 0 && (opcode = ws_next(&c->ws, &at, &data, &len))) {
    if (opcode == WS_CLOSE) { closed_early += !stopping; if (c->ws.masks) ws_send(&c->ws, WS_CLOSE, data, len); hang_up(c); return; }
    if (opcode == WS_PING) ws_send(&c->ws, WS_PONG, data, len);
    else if (opcode == WS_TEXT || opcode == WS_BINARY) heard(c, opcode, data, len);
  }
  ws_consume(&c->ws, at);
}

static void accepts(int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
    conn *c = calloc(1, sizeof *c);
    c->ws.fd = fd;
    watch(c);
  }
}

static void waits(int listener, long long until) {
  struct epoll_event ev[256];
  long long left = until - now();
  struct timespec t = {.tv_nsec = left > 0 ? left % 1000000000LL : 0, .tv_sec = left > 0 ? left / 1000000000LL : 0};
  int n = epoll_pwait2(ep, ev, 256, &t, 0);
  for (int i = 0; i < n; i++) if (ev[i].data.ptr) reads(ev[i].data.ptr); else accepts(listener);
}

int main(int argc, char **argv) {
  if (argc < 10) { fprintf(stderr, "see the first lines of loop.c\n"); return 2; }
  port = atoi(argv[1]);
  target = atoi(argv[2]);
  service = !strcmp(argv[3], "service");
  char path[64];
  sprintf(path, "/proc/%d/schedstat", atoi(argv[4]));
  if (service) schedstats[0] = open(path, O_RDONLY);
  schedstats[1] = open("/proc/self/schedstat", O_RDONLY);
  n_calls = atoi(argv[5]);
  double seconds = atof(argv[6]), warm = atof(argv[7]);
  pieces = atoi(argv[8]);
  key = argv[9];
  setvbuf(stdout, 0, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < n_calls; i++) {
    calls[i].apart = i * 37;
    if (service && scanf("%511s %63s %31s %63s", calls[i].path, calls[i].signature, calls[i].id, calls[i].sid) != 4) { fprintf(stderr, "a call is missing\n"); return 2; }
  }
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4);
  if (bind(listener, (void *)&a, sizeof a)) { perror("bind"); return 1; }
  listen(listener, 4096);
  ep = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = 0};
  epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);

  long long patience = now() + 30000000000LL;
  for (int begun = 0; ready < n_calls;) {
    while (begun < n_calls && begun - ready < 4) dials(&calls[begun++]);
    waits(listener, now() + 10000000LL);
    if (now() > patience) { fprintf(stderr, "only %d of %d calls began\n", ready, n_calls); return 1; }
  }
  printf("ready\n");

  // Every call has its own moment within 20 ms to say a frame, and half a period later one to hear one.
  long long slot = PERIOD / n_calls / 2, start = now(), tick = 0, until = start + (warm + seconds) * 1e9;
  int begun = 0;
  begin_at = start + warm * 1e9;
  for (;;) {
    long long due = start + tick * slot, t = now();
    if (t >= until) break;
    if (!begun && t >= begin_at) { begun = 1; begin_at = t; printf("begin\n"); }
    if (t < due) { waits(listener, due); continue; }
    if (begun) delays_add(&late, t - due);
    call *c = &calls[tick / 2 % n_calls];
    if (tick++ % 2 == 0) carrier_says(c);
    else {
      c = &calls[(c - calls + n_calls / 2) % n_calls];
      if (c->words) says_word(c);
      if (c->left && ++c->rests % pieces == 0) speaks(c);
    }
    if (tick % 16 == 0) waits(listener, 0);
  }
  end_at = now();
  printf("end\n");
  for (long long last = now() + 300000000LL; now() < last;) waits(listener, last);
  stopping = 1;
  for (int i = 0; i < n_calls; i++) {
    if (calls[i].left) is_silent(calls[i].voice, calls[i].context);
    if (calls[i].ear_next != calls[i].number) lost_in += calls[i].number - calls[i].ear_next;
    text(calls[i].carrier, "{\"event\":\"stop\",\"sequenceNumber\":\"9\",\"stop\":{\"callSid\":\"x\"}}");
  }
  for (long long last = now() + 5000000000LL; service && now() < last;) {
    int still = 0;
    for (int i = 0; i < n_calls; i++) still += calls[i].carrier->ws.fd >= 0 || calls[i].caller->ws.fd >= 0;
    if (!still) break;
    waits(listener, now() + 20000000LL);
  }
  printf("{");
  for (int i = 0; i < HOPS; i++) delays_print(NAMES[i], &hops[i]);
  delays_print("sum", &sum);
  delays_print("own", &own);
  delays_print("sound_in", &sound_in);
  delays_print("sound_out", &sound_out);
  delays_print("barge", &barge);
  delays_print("hushed", &hushed);
  delays_print("late", &late);
  printf("\"turns\":%ld,\"turns_begun\":%ld,\"barges\":%ld,\"barges_begun\":%ld,\"lost\":%ld,\"old_sound\":%ld,\"strange\":%ld,\"closed_early\":%ld}\n",
         turns, turns_begun, barges, barges_begun, lost_in + lost_out, old_sound, strange, closed_early);
  return 0;
}
