/* Stands in for gcc where the compile itself is not what is measured: takes
 * "-c SOURCE -o OBJECT", -I and -MD -MF, follows the #include lines of the source (not of headers), and
 * writes the source's bytes as the object.  Anything else is gcc's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folders[64], *source, *object, *depfile;
static int folder_count, compiles;

static void read_words(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    if (strncmp(argv[i], "-I", 2) == 0 && folder_count < 64) folders[folder_count++] = argv[i] + 2;
    else if (strcmp(argv[i], "-c") == 0) compiles = 1;
    else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) object = argv[++i];
    else if (strcmp(argv[i], "-MF") == 0 && i + 1 < argc) depfile = argv[++i];
    else if (argv[i][0] != '-') source = argv[i];
  }
}

int main(int argc, char **argv) {
  static char line[4096], path[4096];
  read_words(argc, argv);
  if (!compiles || !source || !object || !depfile) {
    argv[0] = "/usr/bin/gcc"; /* it finds its programs from there */
    execv(argv[0], argv);
    return 127;
  }
  FILE *in = fopen(source, "r"), *out = fopen(object, "w"), *list = fopen(depfile, "w");
  if (!in || !out || !list) return perror(source), 1;
  fprintf(list, "%s: %s", object, source);
  while (fgets(line, sizeof line, in)) {
    fputs(line, out);
    char *name = strchr(line, '<'), *end = strchr(line, '>');
    if (strncmp(line, "#include", 8) != 0 || !name || !end) continue;
    *end = '\0';
    int at = 0;
    do {
      if (at == folder_count) return fprintf(stderr, "%s: no %s\n", source, name + 1), 1;
      snprintf(path, sizeof path, "%s/%s", folders[at++], name + 1);
    } while (access(path, R_OK) != 0);
    fprintf(list, " \\\n %s", path);
  }
  fputs("\n", list);
  return fclose(list) | fclose(out) ? 1 : 0;
}
