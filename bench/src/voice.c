// voice.c - callers and a provider of live speech in one thread, on one clock.
// usage: voice PROVIDER_PORT TARGET_PORT ROLE STT TTS SECONDS WARM KEY
// ROLE is "service" (its own events) or "plain" (the provider's, through a relay or straight).
// Every session has its own moment within 20 ms, and its own moments to end a sentence. STT callers send a frame then; the provider speaks a frame then.
// Frames carry a number and the time in quiet samples. Deepgram's language, as documented.
// Prints "ready", "begin", "end" and one line of JSON. Delays are of frames sent between "begin" and "end".
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include "delays.h"
#include "websocket.h"

#define FRAME 640               // 20 ms of 16 kHz, 16 bits
#define PERIOD 20000000LL
#define SPOKEN 250              // frames of one utterance: 5 s
#define SAID 100                // frames until somebody ends a sentence: 2 s, the last quarter of it silence
#define TOLD 25                 // frames between two interim texts
#define MOST 4096             // sessions of the provider in one run
#define PENDING 16              // sessions that may be on their way to be opened

typedef struct { ws_conn ws; int tts, up, live, over; uint32_t sent, got, lost, left, apart; int asked; } session;
static session *callers, *provider[MOST];
static int ep, n_stt, n_tts, n_all, service, opened, ready, closed_early, n_provider, n_speakers;
static session **speakers;
static long long begin_at = 1LL << 62, end_at = 1LL << 62;
static delays stt, tts, told, late;
static unsigned char loud[FRAME], quiet[FRAME];
static int stopping;

static long long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }

static void counted(delays *d, long long at, long long t) { if (at >= begin_at && at < end_at) delays_add(d, t - at); }

// A nibble a sample: too quiet to be taken for speech.
static void stamp(unsigned char *frame, uint32_t number, long long at) {
  for (int i = 0; i < 8; i++) frame[2 * i] = number >> 4 * i & 15;
  for (int i = 0; i < 16; i++) frame[16 + 2 * i] = (unsigned long long)at >> 4 * i & 15;
}
static void stamped(const unsigned char *frame, uint32_t *number, long long *at) {
  unsigned long long t = 0;
  *number = 0;
  for (int i = 0; i < 8; i++) *number |= (uint32_t)(frame[2 * i] & 15) << 4 * i;
  for (int i = 0; i < 16; i++) t |= (unsigned long long)(frame[16 + 2 * i] & 15) << 4 * i;
  *at = t;
}

static void text(session *s, const char *words) { ws_send(&s->ws, WS_TEXT, words, strlen(words)); }

static void watch(session *s) {
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
  epoll_ctl(ep, EPOLL_CTL_ADD, s->ws.fd, &e);
}

static void gone(session *s) {
  if (s->ws.fd < 0) return;
  close(s->ws.fd);
  s->ws.fd = -1;
  s->live = 0;
  s->over = 1;
  if (s->ws.masks && !stopping) closed_early++;
}

// --- callers ---

static void dial(session *s, int port, const char *key) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  char head[1024];
  s->ws.fd = socket(AF_INET, SOCK_STREAM, 0);
  s->ws.masks = 1;
  setsockopt(s->ws.fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  if (connect(s->ws.fd, (void *)&a, sizeof a)) { perror("connect"); exit(1); }
  const char *path = service ? (s->tts ? "/v1/voice/tts" : "/v1/voice/stt")
                             : (s->tts ? "/v1/speak?encoding=linear16&sample_rate=16000" : "/v1/listen?encoding=linear16&sample_rate=16000&interim_results=true");
  int n = sprintf(head, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, port, key);
  ws_raw(&s->ws, head, n);
  watch(s);
}

static void speak(session *s) {
  char words[256];
  if (stopping) return;
  s->got = 0;
  if (service) {
    sprintf(words, "{\"type\":\"text\",\"utterance_id\":\"u%d\",\"text\":\"%d frames of speech, if you please.\",\"final\":true}", ++s->asked, SPOKEN);
    text(s, words);
  } else {
    sprintf(words, "{\"type\":\"Speak\",\"text\":\"%d frames of speech, if you please.\"}", SPOKEN);
    text(s, words);
    text(s, "{\"type\":\"Flush\"}");
  }
}

static void is_live(session *s) {
  s->live = 1;
  ready++;
  if (s->tts) speak(s);
}

static void caller_begins(session *s) {
  if (!service) { is_live(s); return; }
  text(s, s->tts ? "{\"type\":\"start\",\"target\":{\"model\":\"deepgram/aura-2-thalia-en\"},\"output\":{\"encoding\":\"pcm_s16le\",\"sample_rate_hz\":16000}}"
                 : "{\"type\":\"start\",\"target\":{\"model\":\"deepgram/nova-3\"},\"input\":{\"encoding\":\"pcm_s16le\",\"sample_rate_hz\":16000}}");
}

static void caller_hears(session *s, int opcode, unsigned char *data, size_t len) {
  uint32_t number;
  long long at, t = now();
  if (opcode == WS_BINARY) {
    if (len != FRAME) { s->lost++; return; }
    stamped(data, &number, &at);
    if (number != s->got) s->lost++;
    s->got = number + 1;
    s->sent++;                  // of a voice: what came in all
    counted(&tts, at, t);
    return;
  }
  unsigned char kept = data[len];
  data[len] = 0;
  char *words = (char *)data, *found;
  if (!s->live && strstr(words, "\"type\":\"ready\"")) is_live(s);
  else if (strstr(words, "\"type\":\"error\"")) fprintf(stderr, "%s\n", words);
  else if (s->tts && (strstr(words, "\"type\":\"done\"") || strstr(words, "\"type\":\"Flushed\""))) speak(s);
  else if (!s->tts && (found = strstr(words, "\"stamp ")) ) counted(&told, atoll(found + 7), t);
  data[len] = kept;
}

static void caller_sends(session *s) {
  long long t = now();
  unsigned char *frame = (s->sent + s->apart) % SAID < SAID * 3 / 4 ? loud : quiet;
  stamp(frame, s->sent++, t);
  if (ws_send(&s->ws, WS_BINARY, frame, FRAME)) gone(s);
}

// --- the provider ---

static void answers(session *s, char *head) {
  char key[32] = "", accept[29], answer[512], *found = strcasestr(head, "sec-websocket-key:");
  if (found) sscanf(found + 18, " %24s", key);
  ws_accept(key, accept);
  s->tts = strstr(head, "/v1/speak") != 0;
  int n = sprintf(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
                          "dg-request-id: 3f0f7a3e-0000-4000-8000-%012d\r\n\r\n", accept, s->ws.fd);
  ws_raw(&s->ws, answer, n);
  if (s->tts && n_speakers < n_tts) speakers[n_speakers++] = s;
}

static void tells(session *s, int final) {
  static const char *said[] = {"a", "table", "for", "two", "please", "tonight"};
  char words[2048];
  double from = (s->got - 1) / SAID * SAID * 0.02, to = s->got * 0.02;
  int n = sprintf(words, "{\"type\":\"Results\",\"channel_index\":[0,1],\"duration\":%.2f,\"start\":%.2f,\"is_final\":%s,\"speech_final\":%s,"
                         "\"channel\":{\"alternatives\":[{\"transcript\":\"stamp %lld\",\"confidence\":0.98,\"words\":[", to - from, from,
                  final ? "true" : "false", final ? "true" : "false", now());
  for (int i = 0; i < 6; i++)
    n += sprintf(words + n, "%s{\"word\":\"%s\",\"start\":%.2f,\"end\":%.2f,\"confidence\":0.97,\"punctuated_word\":\"%s\"}", i ? "," : "", said[i],
                 from + i * 0.08, from + i * 0.08 + 0.07, said[i]);
  sprintf(words + n, "]}]},\"metadata\":{\"request_id\":\"3f0f7a3e\",\"model_info\":{\"name\":\"general-nova-3\",\"version\":\"2025-01-09\",\"arch\":\"nova-3\"}},"
                     "\"from_finalize\":false}");
  text(s, words);
}

static void says_goodbye(session *s) {
  if (!s->tts) text(s, "{\"type\":\"Metadata\",\"request_id\":\"3f0f7a3e\",\"duration\":1.0,\"channels\":1}");
  ws_send(&s->ws, WS_CLOSE, "\x03\xe8", 2);
}

static void provider_hears(session *s, int opcode, unsigned char *data, size_t len) {
  uint32_t number;
  long long at;
  if (opcode == WS_BINARY) {
    long long t = now();
    if (len != FRAME) { s->lost++; return; }
    stamped(data, &number, &at);
    if (number != s->got) s->lost++;
    s->got = number + 1;
    counted(&stt, at, t);
    if ((s->got + s->apart) % SAID == 0) tells(s, 1);
    else if ((s->got + s->apart) % TOLD == 0) tells(s, 0);
    return;
  }
  unsigned char kept = data[len];
  data[len] = 0;
  char *words = (char *)data;
  if (strstr(words, "\"Flush\"")) { s->left = s->asked++ ? SPOKEN : 1 + s->apart % SPOKEN; s->sent = 0; }
  else if (strstr(words, "\"CloseStream\"") || strstr(words, "\"Close\"")) says_goodbye(s);
  data[len] = kept;
}

static long long spoken_all;
static void provider_speaks(session *s) {
  if (s->ws.fd < 0 || !s->left) return;
  stamp(loud, s->sent++, now());
  spoken_all++;
  ws_send(&s->ws, WS_BINARY, loud, FRAME);
  if (--s->left == 0 || stopping) { s->left = 0; text(s, "{\"type\":\"Flushed\",\"sequence_id\":0}"); }
}

// --- both ---

static void reads(session *s) {
  size_t at = 0, len;
  unsigned char *data;
  int opcode;
  if (s->ws.fd < 0) return;
  if (ws_fill(&s->ws)) { gone(s); return; }
  if (!s->up) {
    s->ws.in[s->ws.in_len] = 0;
    char *end = strstr((char *)s->ws.in, "\r\n\r\n");
    if (!end) return;
    *end = 0;
    s->up = 1;
    at = end + 4 - (char *)s->ws.in;
    if (!s->ws.masks) answers(s, (char *)s->ws.in);
    else if (strncmp((char *)s->ws.in, "HTTP/1.1 101", 12)) { fprintf(stderr, "%s\n", s->ws.in); exit(1); }
    else caller_begins(s);
  }
  while (s->ws.fd >= 0 && (opcode = ws_next(&s->ws, &at, &data, &len))) {
    if (opcode == WS_CLOSE) { if (s->ws.masks) ws_send(&s->ws, WS_CLOSE, data, len); gone(s); return; }
    if (opcode == WS_PING) { ws_send(&s->ws, WS_PONG, data, len); continue; }
    if (opcode != WS_TEXT && opcode != WS_BINARY) continue;
    if (s->ws.masks) caller_hears(s, opcode, data, len);
    else provider_hears(s, opcode, data, len);
  }
  ws_consume(&s->ws, at);
}

static void accepts(int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
    session *s = calloc(1, sizeof *s);
    s->ws.fd = fd;
    if (n_provider == MOST) { fprintf(stderr, "too many sessions\n"); exit(1); }
    s->apart = n_provider * 37;
    provider[n_provider++] = s;
    watch(s);
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
  if (argc < 9) { fprintf(stderr, "see the first lines of voice.c\n"); return 2; }
  int port = atoi(argv[1]), target = atoi(argv[2]);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  setvbuf(stdout, 0, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  service = !strcmp(argv[3], "service");
  n_stt = atoi(argv[4]);
  n_tts = atoi(argv[5]);
  n_all = n_stt + n_tts;
  double seconds = atof(argv[6]), warm = atof(argv[7]);
  for (int i = 24; i < FRAME / 2; i++) { int v = (i % 40 < 20 ? 1 : -1) * 6000; loud[2 * i] = v; loud[2 * i + 1] = v >> 8; }
  callers = calloc(n_all, sizeof *callers);
  speakers = calloc(n_tts + 1, sizeof *speakers);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4);
  if (bind(listener, (void *)&a, sizeof a)) { perror("bind"); return 1; }
  listen(listener, 4096);
  ep = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = 0};
  epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);

  // Sessions of both kinds turn by turn, so that their moments are mixed.
  for (int i = 0, s = 0; i < n_all; i++) { callers[i].tts = (long)(i + 1) * n_tts / n_all > s; s += callers[i].tts; callers[i].ws.fd = -1; callers[i].apart = i * 37; }
  long long patience = now() + 60000000000LL;
  while (ready < n_all) {
    while (opened < n_all && opened - ready < PENDING) dial(&callers[opened++], target, argv[8]);
    waits(listener, now() + 10000000LL);
    if (now() > patience) { fprintf(stderr, "only %d of %d sessions began\n", ready, n_all); return 1; }
  }
  printf("ready\n");

  long long slot = PERIOD / n_all, start = now(), tick = 0, until = start + (warm + seconds) * 1e9;
  begin_at = start + warm * 1e9;
  int begun = 0, speaker = 0;
  for (;;) {
    long long due = start + tick * slot, t = now();
    if (t >= until) break;
    if (!begun && t >= begin_at) { begun = 1; begin_at = t; printf("begin\n"); }
    if (t < due) { waits(listener, due); continue; }
    if (begun) delays_add(&late, t - due);
    session *s = &callers[tick++ % n_all];
    if (s->tts) { if (n_speakers) provider_speaks(speakers[speaker++ % n_speakers]); }
    else if (s->live) caller_sends(s);
    if (tick % 16 == 0) waits(listener, 0);
  }
  end_at = now();
  printf("end\n");

  // What is on its way may arrive; then everybody says goodbye.
  stopping = 1;
  for (int i = 0; i < n_speakers; i++) provider_speaks(speakers[i]);
  long long sent = 0, got = 0, lost = 0, frames = 0;
  for (long long last = now() + 3000000000LL; now() < last;) {
    waits(listener, now() + 20000000LL);
    sent = got = frames = 0;
    for (int i = 0; i < n_all; i++) if (callers[i].tts) frames += callers[i].sent; else sent += callers[i].sent;
    for (int i = 0; i < n_provider; i++) if (!provider[i]->tts) got += provider[i]->got;
    if (sent == got && frames == spoken_all) break;
  }
  for (int i = 0; i < n_all; i++) lost += callers[i].lost;
  for (int i = 0; i < n_provider; i++) lost += provider[i]->lost;
  for (int i = 0; i < n_all; i++)
    if (callers[i].ws.fd >= 0) text(&callers[i], service ? "{\"type\":\"end\"}" : callers[i].tts ? "{\"type\":\"Close\"}" : "{\"type\":\"CloseStream\"}");
  int still = 1;
  for (long long last = now() + 5000000000LL; still && now() < last;) {
    waits(listener, now() + 20000000LL);
    still = 0;
    for (int i = 0; i < n_all; i++) still += callers[i].ws.fd >= 0;
  }
  printf("{\"seconds\":%.3f,", (end_at - begin_at) / 1e9);
  delays_print("stt", &stt);
  delays_print("tts", &tts);
  delays_print("told", &told);
  delays_print("late", &late);
  printf("\"sent\":%lld,\"lost\":%lld,\"out_of_order\":%lld,\"closed_early\":%d,\"not_closed\":%d}\n", sent + spoken_all,
         sent - got + spoken_all - frames, lost, closed_early, still);
  return 0;
}
