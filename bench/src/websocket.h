// websocket.h - what a bench needs of RFC 6455: a handshake's answer, frames written and read. One connection, one buffer each way.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

typedef struct {
  int fd, masks;                 // masks: we are the client's side
  unsigned char *in, *out;
  size_t in_len, in_cap, out_len, out_off, out_cap;
} ws_conn;

static uint32_t ws_rol(uint32_t x, int n) { return x << n | x >> (32 - n); }

// SHA-1 of a short message (FIPS 180-4), for the handshake only.
static void ws_sha1(const char *text, size_t len, unsigned char digest[20]) {
  unsigned char block[192] = {0};
  uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, w[80];
  size_t total = (len + 9 + 63) / 64 * 64;
  memcpy(block, text, len);
  block[len] = 0x80;
  for (int i = 0; i < 8; i++) block[total - 1 - i] = (uint64_t)len * 8 >> 8 * i;
  for (size_t at = 0; at < total; at += 64) {
    for (int i = 0; i < 16; i++) w[i] = block[at + 4 * i] << 24 | block[at + 4 * i + 1] << 16 | block[at + 4 * i + 2] << 8 | block[at + 4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = ws_rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++) {
      uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
      uint32_t t = ws_rol(a, 5) + f + e + k + w[i];
      e = d; d = c; c = ws_rol(b, 30); b = a; a = t;
    }
    h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e;
  }
  for (int i = 0; i < 20; i++) digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

// The answer to a handshake whose `sec-websocket-key` is `key` (24 characters).
static void ws_accept(const char *key, char answer[29]) {
  static const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char text[64];
  unsigned char d[21] = {0};
  sprintf(text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  ws_sha1(text, 60, d);
  for (int i = 0, o = 0; i < 21; i += 3) {
    uint32_t three = d[i] << 16 | d[i + 1] << 8 | d[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) answer[o++] = set[three >> shift & 63];
  }
  answer[27] = '=';
  answer[28] = 0;
}

static void ws_room(unsigned char **buffer, size_t *cap, size_t wanted) {
  if (wanted <= *cap) return;
  *cap = wanted * 2;
  *buffer = realloc(*buffer, *cap);
}

// Send what waits; returns -1 when the peer has gone.
static int ws_flush(ws_conn *c) {
  while (c->out_off < c->out_len) {
    ssize_t n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    c->out_off += n;
  }
  c->out_off = c->out_len = 0;
  return 0;
}

static int ws_raw(ws_conn *c, const void *data, size_t len) {
  ws_room(&c->out, &c->out_cap, c->out_len + len);
  memcpy(c->out + c->out_len, data, len);
  c->out_len += len;
  return ws_flush(c);
}

static int ws_send(ws_conn *c, int opcode, const void *data, size_t len) {
  static const unsigned char mask[4] = {0x5a, 0x13, 0xc7, 0x88};
  ws_room(&c->out, &c->out_cap, c->out_len + len + 14);
  unsigned char *o = c->out + c->out_len;
  *o++ = 0x80 | opcode;
  if (len < 126) *o++ = (c->masks ? 0x80 : 0) | len;
  else { *o++ = (c->masks ? 0x80 : 0) | 126; *o++ = len >> 8; *o++ = len; }
  if (c->masks) { memcpy(o, mask, 4); o += 4; }
  memcpy(o, data, len);
  if (c->masks) for (size_t i = 0; i < len; i++) o[i] ^= mask[i & 3];
  c->out_len = o + len - c->out;
  return ws_flush(c);
}

// Read what has come; returns -1 at the end.
static int ws_fill(ws_conn *c) {
  ws_room(&c->in, &c->in_cap, c->in_len + 32768);
  ssize_t n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len - 1, MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN)) return -1;
  if (n > 0) c->in_len += n;
  return 0;
}

// Take one whole frame from the front of the buffer at `*at`; returns its opcode, or 0 when there is none.
static int ws_next(ws_conn *c, size_t *at, unsigned char **data, size_t *len) {
  unsigned char *p = c->in + *at;
  size_t have = c->in_len - *at, head = 2;
  if (have < 2) return 0;
  uint64_t n = p[1] & 127;
  if (n == 126) { if (have < 4) return 0; n = p[2] << 8 | p[3]; head = 4; }
  else if (n == 127) { if (have < 10) return 0; n = 0; for (int i = 2; i < 10; i++) n = n << 8 | p[i]; head = 10; }
  int masked = p[1] >> 7;
  size_t body = head + (masked ? 4 : 0);
  if (have < body + n) return 0;
  if (masked) for (uint64_t i = 0; i < n; i++) p[body + i] ^= p[head + (i & 3)];
  *data = p + body;
  *len = n;
  *at += body + n;
  return p[0] & 15;
}

static void ws_consume(ws_conn *c, size_t at) {
  memmove(c->in, c->in + at, c->in_len - at);
  c->in_len -= at;
}
