/* See runc_mounts.h. The JSON is what dockerd and containerd have written (RFC 8259). */
#include "runc_mounts.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 64

struct scan {
    const char *at, *end;
};

static char next(struct scan *scan) {
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) && *scan->at)
        scan->at++;
    return scan->at < scan->end ? *scan->at : 0;
}

static bool take(struct scan *scan, char wanted) {
    if (next(scan) != wanted)
        return false;
    scan->at++;
    return true;
}

static bool read_unit(struct scan *scan, uint32_t *unit) {
    char digits[5] = "", *end;
    if (scan->end - scan->at < 4)
        return false;
    memcpy(digits, scan->at, 4);
    if (strspn(digits, "0123456789abcdefABCDEF") != 4)
        return false;
    *unit = (uint32_t)strtoul(digits, &end, 16);
    scan->at += 4;
    return true;
}

/* A character of \u: two units where it is one of the upper planes. Half of such a pair stands for U+FFFD. */
static bool read_character(struct scan *scan, uint32_t *character) {
    if (!read_unit(scan, character))
        return false;
    if (*character >= 0xd800 && *character < 0xdc00 && scan->end - scan->at >= 2 && !memcmp(scan->at, "\\u", 2)) {
        struct scan after = {scan->at + 2, scan->end};
        uint32_t low;
        if (read_unit(&after, &low) && low >= 0xdc00 && low < 0xe000) {
            *character = 0x10000 + ((*character - 0xd800) << 10) + (low - 0xdc00);
            *scan = after;
        }
    }
    if (*character >= 0xd800 && *character < 0xe000)
        *character = 0xfffd;
    return true;
}

static size_t encode(uint32_t character, char *bytes) {
    if (character < 0x80) {
        bytes[0] = (char)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t place = size - 1; place > 0; place--, character >>= 6)
        bytes[place] = (char)(0x80 | (character & 0x3f));
    bytes[0] = (char)((0xf00 >> size & 0xff) | character);
    return size;
}

/* A string, decoded; one that is longer than `room` is cut off there, which no path of a file is. */
static bool read_string(struct scan *scan, char *text, size_t room) {
    size_t used = 0;
    if (!take(scan, '"'))
        return false;
    while (scan->at < scan->end && *scan->at != '"') {
        char bytes[4] = {*scan->at++};
        size_t size = 1;
        if ((unsigned char)bytes[0] < 0x20)
            return false;
        if (bytes[0] == '\\') {
            static const char escaped[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
            char kind = scan->at < scan->end ? *scan->at++ : 0;
            const char *found = kind ? strchr(escaped, kind) : NULL;
            uint32_t character;
            if (found)
                bytes[0] = meant[found - escaped];
            else if (kind == 'u' && read_character(scan, &character))
                size = encode(character, bytes);
            else
                return false;
        }
        if (used + size < room) {
            memcpy(text + used, bytes, size);
            used += size;
        } else {
            room = 0;
        }
    }
    text[used] = 0;
    return take(scan, '"');
}

static bool skip(struct scan *scan, int depth) {
    char text[8], kind = next(scan);
    if (depth > DEEPEST)
        return false;
    if (kind == '"')
        return read_string(scan, text, sizeof text);
    if (kind != '{' && kind != '[') {
        const char *begun = scan->at;
        while (scan->at < scan->end && strchr("+-.0123456789Eaeflnrstu", *scan->at) && *scan->at)
            scan->at++;
        return scan->at > begun;
    }
    scan->at++;
    if (take(scan, kind == '{' ? '}' : ']'))
        return true;
    do {
        if (kind == '{' && !(read_string(scan, text, sizeof text) && take(scan, ':')))
            return false;
        if (!skip(scan, depth + 1))
            return false;
    } while (take(scan, ','));
    return take(scan, kind == '{' ? '}' : ']');
}

/* Go to the value of `key` in the object that begins here. */
static bool find(struct scan *scan, const char *key) {
    char name[64];
    if (!take(scan, '{') || next(scan) == '}')
        return false;
    do {
        if (!read_string(scan, name, sizeof name) || !take(scan, ':'))
            return false;
        if (!strcmp(name, key))
            return true;
        if (!skip(scan, 0))
            return false;
    } while (take(scan, ','));
    return false;
}

bool read_text(const char *json, size_t size, const char *key, char *text, size_t room) {
    struct scan scan = {json, json + size};
    return find(&scan, key) && read_string(&scan, text, room);
}

bool read_mounts(const char *json, size_t size, mount_found *found, void *context) {
    static char source[LONGEST_PATH], destination[LONGEST_PATH];
    struct scan scan = {json, json + size}, whole = scan;
    if (!skip(&whole, 0) || next(&whole) != 0)
        return false;
    if (!find(&scan, "mounts") || !take(&scan, '['))
        return true;
    while (next(&scan) == '{') {
        struct scan one = scan;
        if (!skip(&scan, 0))
            return false;
        size_t length = (size_t)(scan.at - one.at);
        if (read_text(one.at, length, "source", source, sizeof source) &&
            read_text(one.at, length, "destination", destination, sizeof destination) &&
            !found(context, source, destination))
            return false;
        take(&scan, ',');
    }
    return true;
}

bool is_shared(const struct places *places, const char *path) {
    for (int one = 0; one < places->count; one++) {
        size_t size = strlen(places->path[one]);
        if (!strncmp(path, places->path[one], size) && (path[size] == '/' || !path[size]))
            return true;
    }
    return false;
}

static bool read_place(struct places *places, const char *folder, const char *name) {
    char path[LONGEST_PATH], place[LONGEST_PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t size = fread(place, 1, sizeof place - 1, file);
    fclose(file);
    place[size] = 0;
    if (*place != '/' || places->count == MOST_PLACES)
        return *place != '/';
    places->path[places->count] = strdup(place);
    return places->path[places->count] && places->count++ >= 0;
}

bool read_places(struct places *places, const char *folder) {
    DIR *entries = opendir(folder);
    bool good = true;
    places->count = 0;
    if (!entries)
        return true; /* nothing is shared */
    for (struct dirent *entry; (entry = readdir(entries));) {
        const char *end = strrchr(entry->d_name, '.');
        if (end && !strcmp(end, ".place"))
            good = read_place(places, folder, entry->d_name) && good;
    }
    closedir(entries);
    return good;
}

void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && strspn(from + 1, "01234567") >= 3) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = 0;
}
