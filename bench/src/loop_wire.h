// loop_wire.h - connections of every kind that a voice loop has, and the words said on them.
#pragma once
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include "delays.h"
#include "websocket.h"

#define FRAME 160               // 20 ms of mu-law at 8000 Hz

// Who is at the other end of a connection. The first five are dialled, the last three are dialled by others.
enum { CARRIER = 1, CALLER, CHAT, HEARD, SPEAKER, EAR, VOICE, MODEL };

typedef struct call call;
typedef struct { ws_conn ws; int kind, up; call *of; } conn;
typedef struct { uint32_t number; uint16_t call, turn; long long at; uint8_t flag; } stamp;

static int ep;

static long long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }

static void watch(conn *c) {
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->ws.fd, &e);
}

static conn *dialled(int port, int kind, call *of) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  conn *c = calloc(1, sizeof *c);
  c->kind = kind;
  c->of = of;
  c->ws.fd = socket(AF_INET, SOCK_STREAM, 0);
  c->ws.masks = 1;
  setsockopt(c->ws.fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  if (connect(c->ws.fd, (void *)&a, sizeof a)) { perror("connect"); exit(1); }
  watch(c);
  return c;
}

static conn *socket_to(int port, int kind, call *of, const char *path, const char *header, const char *value) {
  char head[1024];
  conn *c = dialled(port, kind, of);
  int n = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, port, header, value);
  ws_raw(&c->ws, head, n);
  return c;
}

// Answer the handshake of whoever dialled us.
static void shaken(conn *c, const char *head) {
  char key[32] = "", accept[29], answer[256];
  const char *found = strcasestr(head, "sec-websocket-key:");
  if (found) sscanf(found + 18, " %24s", key);
  ws_accept(key, accept);
  int n = sprintf(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
  ws_raw(&c->ws, answer, n);
}

static void text(conn *c, const char *words) { if (c && c->ws.fd >= 0) ws_send(&c->ws, WS_TEXT, words, strlen(words)); }

static void hang_up(conn *c) {
  if (!c || c->ws.fd < 0) return;
  close(c->ws.fd);
  c->ws.fd = -1;
}

static const char B64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int encoded(const unsigned char *data, int len, char *out) {
  char *o = out;
  for (int i = 0; i < len; i += 3) {
    uint32_t three = data[i] << 16 | (i + 1 < len ? data[i + 1] << 8 : 0) | (i + 2 < len ? data[i + 2] : 0);
    for (int shift = 18; shift >= 0; shift -= 6) *o++ = B64[three >> shift & 63];
    if (i + 1 >= len) o[-2] = '=';
    if (i + 2 >= len) o[-1] = '=';
  }
  *o = 0;
  return o - out;
}

static int decoded(const char *words, unsigned char *out, int most) {
  static signed char value[256];
  uint32_t bits = 0;
  int have = 0, n = 0;
  if (!value['B']) for (int i = 0; i < 64; i++) value[(unsigned char)B64[i]] = i;
  for (; *words && *words != '"' && *words != '=' && n < most; words++) {
    bits = bits << 6 | value[(unsigned char)*words];
    if ((have += 6) >= 8) { have -= 8; out[n++] = bits >> have; }
  }
  return n;
}

// A frame says which it is, whose, of which turn and when it was sent; the rest of it is sound.
static void stamped(unsigned char *frame, stamp s, int loud) {
  memcpy(frame, &s, sizeof s);
  for (int i = sizeof s; i < FRAME; i++) frame[i] = loud ? (i & 4 ? 0x90 : 0x10) : 0xff;
}

static stamp stamp_of(const unsigned char *frame) { stamp s; memcpy(&s, frame, sizeof s); return s; }
