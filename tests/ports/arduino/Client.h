/* Client.h - a stand-in: the part of Arduino's Client that is used, with the signatures of its API. */
#ifndef ARDUINO_CLIENT_H
#define ARDUINO_CLIENT_H
#include <stddef.h>
#include <stdint.h>
class Client {
public:
    virtual ~Client() {}
    virtual int connect(const char *host, uint16_t port) = 0;
    virtual size_t write(const uint8_t *buf, size_t size) = 0;
    virtual int available() = 0;
    virtual int read(uint8_t *buf, size_t size) = 0;
    virtual void stop() = 0;
    virtual uint8_t connected() = 0;
};
#endif
