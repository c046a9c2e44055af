/* Arduino.h - a stand-in, for more_packages.sh: what the library and its example use of Arduino's functions. */
#ifndef ARDUINO_H
#define ARDUINO_H
#include <stddef.h>
#include <stdint.h>
extern "C" {
unsigned long millis(void);
void delay(unsigned long ms);
}
class Printer {
public:
    void begin(unsigned long) {}
    size_t write(const uint8_t *data, size_t len);
    size_t print(const char *text);
    size_t println(const char *text);
};
extern Printer Serial;
void setup();
void loop();
#endif
