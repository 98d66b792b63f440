#include "dns_hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char name[256];
    struct in_addr address;
};

static struct entry *entries;
static size_t count;

static bool add(const char *name, struct in_addr address) {
    struct entry *more = realloc(entries, (count + 1) * sizeof *entries);
    if (more == NULL)
        return false;
    entries = more;
    snprintf(entries[count].name, sizeof entries->name, "%s", name);
    entries[count++].address = address;
    return true;
}

bool hosts_read(const char *path) {
    char line[1024];
    bool done = true;
    count = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (done && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "#\n")] = 0;
        char *rest = NULL, *word = strtok_r(line, " \t", &rest);
        struct in_addr address;
        if (word == NULL || inet_pton(AF_INET, word, &address) != 1 || ntohl(address.s_addr) >> 24 == 127)
            continue;
        while (done && (word = strtok_r(NULL, " \t", &rest)) != NULL)
            done = add(word, address);
    }
    fclose(file);
    return done;
}

int hosts_find(const char *name, uint8_t addresses[ADDRESSES * 4]) {
    int found = -1;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].name, name) != 0)
            continue;
        found = found < 0 ? 0 : found;
        if (found < ADDRESSES)
            memcpy(addresses + 4 * found++, &entries[i].address, 4);
    }
    return found;
}
