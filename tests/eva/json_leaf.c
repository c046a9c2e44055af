/* json_leaf.c - the functions that json.c replaces, as they are, at every place and length, with any bytes. The loops are
   unrolled, so that every number below has one value at a time. */
#include "eva.h"
#define SHORT 10 /* a word of eight bytes and two more */
#define LONG  20
static char piece[SHORT], line[LONG];
static llmi_json j;

static void any_json(int state) {
    llmi_json_init(&j);
    Frama_C_make_unknown(j.buf, sizeof j.buf);
    Frama_C_make_unknown(j.part, sizeof j.part);
    j.state = (unsigned char)state;
    j.skip = eva_any(0, 65);
    j.cut = (unsigned char)eva_any(0, 1);
}

static void utf8(void) {
    size_t n, bad, used;
    //@ loop unroll 6;
    for (n = 1; n <= 6; n++) {
        used = llmi_utf8_next(piece + SHORT - n, n, &bad);
        //@ assert utf8: used <= n && used <= 4 && bad <= 3;
    }
}

static void runs(void) {
    const char *p, *q, *end = line + LONG;
    int at;
    //@ loop unroll 21;
    for (at = 0; at <= LONG; at++) {
        p = line + at;
        q = llmi_plain_end(p, end);
        //@ assert plain: p <= q <= end;
    }
    end = piece + SHORT;
    //@ loop unroll 11;
    for (at = 0; at <= SHORT; at++) {
        p = piece + at;
        q = llmi_json_run(p, end);
        //@ assert run: p <= q <= end;
    }
}

static void keep(void) {
    size_t n;
    int had;
    //@ loop unroll 66;
    for (had = 0; had <= 65; had++) {
        //@ loop unroll 21;
        for (n = 0; n <= LONG; n += had < 40 ? 5 : 1) {
            any_json(LLMI_JS_IN_STRING);
            j.n = (unsigned char)had;
            llmi_json_keep(&j, line + LONG - n, n);
            //@ assert kept: j.n <= 65;
        }
    }
}

static void part(void) {
    int ok, parts;
    //@ loop unroll 4;
    for (parts = 0; parts <= 3; parts++) {
        any_json(LLMI_JS_IN_STRING);
        j.parts = (unsigned char)parts;
        j.n = (unsigned char)eva_any(0, 65);
        ok = llmi_json_part(&j, piece[0]);
        if (ok) {
            //@ assert part: j.parts <= 3;
        }
    }
}

static void word(void) {
    static const int length[4] = {4, 5, 4, 3};
    const char *p;
    int w, step, at;
    llmi_json_event e;
    //@ loop unroll 4;
    for (w = 0; w < 4; w++) {
        //@ loop unroll 5;
        for (step = 0; step < length[w]; step++) {
            //@ loop unroll 8;
            for (at = SHORT - 7; at <= SHORT; at++) {
                any_json(LLMI_JS_IN_WORD);
                j.word = (unsigned char)w;
                j.step = (unsigned char)step;
                p = piece + at;
                e = llmi_json_in_word(&j, &p, piece + SHORT);
                //@ assert word_at: p <= (char const *)&piece[0] + SHORT;
                if (j.state == LLMI_JS_IN_WORD) {
                    //@ assert word: e == LLMI_JSON_MORE && j.step < length[w];
                }
            }
        }
    }
}

static void number(void) {
    const char *p;
    int had, at;
    llmi_json_event e;
    //@ loop unroll 65;
    for (had = 0; had <= 64; had += had < 48 ? 12 : 1) {
        //@ loop unroll 11;
        for (at = 0; at <= SHORT; at++) {
            any_json(LLMI_JS_IN_NUMBER);
            j.step = (unsigned char)eva_any(0, LLMI_JN_EXP);
            j.n = (unsigned char)had;
            p = piece + at;
            e = llmi_json_in_number(&j, &p, piece + SHORT);
            //@ assert number_at: p <= (char const *)&piece[0] + SHORT;
            //@ assert number: j.n <= 64 && j.step <= 8;
            if (e == LLMI_JSON_NUMBER) {
                //@ assert given: \valid_read(j.text + (0 .. j.len - 1));
            }
        }
    }
}

int main(void) {
    Frama_C_make_unknown(piece, SHORT);
    Frama_C_make_unknown(line, LONG);
#ifndef ONLY
#define ONLY eva_any(0, 5)
#endif
    switch (ONLY) {
    case 0: utf8(); break;
    case 1: runs(); break;
    case 2: keep(); break;
    case 3: part(); break;
    case 4: word(); break;
    default: number(); break;
    }
    return 0;
}
