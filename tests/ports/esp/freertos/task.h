/* a stand-in for FreeRTOS's */
void vTaskDelay(TickType_t ticks);
