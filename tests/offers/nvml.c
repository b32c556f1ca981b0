/* A library in the place of NVIDIA's: its GPUs are lines of $FAKE_NVML, "TEMPERATURE UNCORRECTED PENDING
 * FAILED" or "lost"; "broken" or "hang" as the first line is a driver that does not answer. As NVIDIA's may, it
 * reserves far more addresses than there is memory. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char lines[16][64];
static unsigned count;

int nvmlInit_v2(void) {
  const size_t reserved = (size_t)64 << 30;
  if (mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) return 20;
  const char* path = getenv("FAKE_NVML");
  FILE* file = path ? fopen(path, "r") : NULL;
  if (!file) return 9;
  while (count < 16 && fgets(lines[count], sizeof lines[count], file)) ++count;
  fclose(file);
  if (count > 0 && strncmp(lines[0], "hang", 4) == 0) pause();
  return count > 0 && strncmp(lines[0], "broken", 6) == 0 ? 18 : 0;
}
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned* n) {
  *n = count;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void** device) {
  *device = lines[i];
  return strncmp(lines[i], "lost", 4) == 0 ? 15 : 0;
}
int nvmlDeviceGetName(void* device, char* name, unsigned size) {
  (void)device;
  snprintf(name, size, "NVIDIA H100");
  return 0;
}
static unsigned field(void* device, int which) {
  unsigned values[4] = {0, 0, 0, 0};
  sscanf(device, "%u %u %u %u", &values[0], &values[1], &values[2], &values[3]);
  return values[which];
}
int nvmlDeviceGetTemperature(void* device, unsigned sensor, unsigned* degrees) {
  *degrees = field(device, 0);
  return sensor == 0 ? 0 : 2;
}
int nvmlDeviceGetTotalEccErrors(void* device, unsigned type, unsigned counter,
                                unsigned long long* errors) {
  *errors = field(device, 1);
  return type == 1 && counter == 0 ? 0 : 2;
}
int nvmlDeviceGetRemappedRows(void* device, unsigned* corrected, unsigned* uncorrected,
                              unsigned* pending, unsigned* failed) {
  *corrected = *uncorrected = 0;
  *pending = field(device, 2);
  *failed = field(device, 3);
  return 0;
}
const char* nvmlErrorString(int code) {
  return code == 15   ? "GPU is lost"
         : code == 18 ? "Driver/library version mismatch"
         : code == 20 ? "Insufficient Memory"
                      : "Unknown Error";
}
