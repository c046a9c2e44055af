/* a stand-in for FreeRTOS's, with ticks of 10 ms as ESP-IDF has them */
#include <stdint.h>
typedef uint32_t TickType_t;
#define pdMS_TO_TICKS(ms) ((TickType_t)(((TickType_t)(ms) * (TickType_t)100) / (TickType_t)1000))
