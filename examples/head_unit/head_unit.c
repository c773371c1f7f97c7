/* A head unit's side of ragedge: asks over the Unix socket of `ragedge serve`, and shows sentences as they come.
 *
 *     head_unit SOCKET "Question?"       one question
 *     head_unit SOCKET                   each line of standard input is one
 *
 * Plain C11 and POSIX, no library. Exit status: 0 answered (that the manual does not say is an answer), 1 refused or
 * failed, 2 wrong usage.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "json.h"

#define LONGEST_QUESTION 4096
#define LONGEST_TEXT 8192
#define PATIENCE_S 120 /* the server's own limit of an answer */

static FILE *connected(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    strcpy(address.sun_path, path);
    int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    if (handle < 0)
        return NULL;
    setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(handle, (struct sockaddr *)&address, sizeof address)) {
        int why = errno;
        close(handle);
        errno = why;
        return NULL;
    }
    return fdopen(handle, "r+");
}

/* Write a question as a JSON string; return 0 where it is too long. */
static int quoted(const char *text, char *out, size_t size) {
    size_t used = 0;
    out[used++] = '"';
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (used + 8 >= size)
            return 0;
        if (byte == '"' || byte == '\\')
            out[used++] = '\\', out[used++] = (char)byte;
        else if (byte < 0x20)
            used += (size_t)snprintf(out + used, 7, "\\u%04x", byte);
        else
            out[used++] = (char)byte;
    }
    out[used++] = '"';
    out[used] = 0;
    return 1;
}

static void show_notices(const char *notices) {
    char kind[64], text[LONGEST_TEXT];
    for (const char *item = json_first(notices); item; item = json_next(item))
        if (json_text(json_get(item, "kind"), kind, sizeof kind) > 0 &&
            json_text(json_get(item, "text"), text, sizeof text) > 0)
            printf("! %s: %s\n", kind, text);
}

static void show_pages(const char *citations) {
    char source[1024], last_source[1024] = "";
    long last_page = -1;
    for (const char *item = json_first(citations); item; item = json_next(item)) {
        long page = json_number(json_get(item, "page"), 0);
        if (json_text(json_get(item, "source"), source, sizeof source) < 0)
            continue;
        if (page == last_page && !strcmp(source, last_source))
            continue;
        if (page)
            printf("  [%s, page %ld]\n", source, page);
        else
            printf("  [%s]\n", source);
        last_page = page;
        strcpy(last_source, source);
    }
}

/* Show one event; return whether it was the answer's end: 1 answered, -1 failed, 0 neither. */
static int show(const char *event, const char *data) {
    char text[LONGEST_TEXT];
    if (!strcmp(event, "sentence")) {
        show_notices(json_get(data, "new_safety")); /* before the sentence that they guard */
        if (json_text(json_get(data, "text"), text, sizeof text) > 0)
            printf("%s\n", text);
        fflush(stdout);
        return 0;
    }
    if (!strcmp(event, "answer")) {
        const char *abstained = json_get(data, "abstained");
        if (abstained && !strncmp(abstained, "true", 4) && json_text(json_get(data, "text"), text, sizeof text) > 0)
            printf("%s\n", text);
        show_pages(json_get(data, "citations"));
        fflush(stdout);
        return 1;
    }
    const char *error = json_get(data, "error");
    if (error && json_text(json_get(error, "message"), text, sizeof text) > 0)
        fprintf(stderr, "head_unit: %s\n", text);
    return error ? -1 : 0;
}

/* Ask one question; return 0 where it was answered. */
static int ask(const char *socket_path, const char *question) {
    static char body[2 * LONGEST_QUESTION + 64], said[2 * LONGEST_QUESTION];
    if (!quoted(question, said, sizeof said)) {
        fprintf(stderr, "head_unit: a question has at most %d characters\n", LONGEST_QUESTION);
        return 1;
    }
    FILE *server = connected(socket_path);
    if (!server) {
        fprintf(stderr, "head_unit: %s: %s\n", socket_path, strerror(errno));
        return 1;
    }
    int length = snprintf(body, sizeof body, "{\"question\": %s, \"stream\": true}", said);
    /* HTTP/1.0: the body comes as it is, and ends with the connection. */
    fprintf(server,
            "POST /ragedge/v1/ask HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s",
            length, body);
    fflush(server);

    char *line = NULL, event[32] = "";
    size_t room = 0;
    ssize_t count;
    int status = 0, in_body = 0, outcome = 0;
    while (!outcome && (count = getline(&line, &room, server)) > 0) {
        while (count && (line[count - 1] == '\n' || line[count - 1] == '\r'))
            line[--count] = 0;
        if (!status) {
            status = sscanf(line, "HTTP/1.%*d %d", &status) == 1 ? status : -1;
        } else if (!in_body) {
            in_body = !count;
        } else if (status != 200) {
            outcome = show("error", line) ? -1 : 0;
        } else if (!strncmp(line, "event: ", 7)) {
            snprintf(event, sizeof event, "%s", line + 7);
        } else if (!strncmp(line, "data: ", 6)) {
            outcome = show(event, line + 6);
        }
    }
    if (!outcome)
        fprintf(stderr, "head_unit: the server ended the answer (status %d)\n", status);
    free(line);
    fclose(server);
    return outcome == 1 ? 0 : 1;
}

int main(int count, char **arguments) {
    if (count != 2 && count != 3) {
        fprintf(stderr, "usage: head_unit SOCKET [QUESTION]\n");
        return 2;
    }
    if (count == 3)
        return ask(arguments[1], arguments[2]);
    char *line = NULL;
    size_t room = 0;
    int failed = 0;
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (*line)
            failed |= ask(arguments[1], line);
    }
    free(line);
    return failed;
}
