/* Stands in for libjbig, which libtiff of Debian asks for and whose licence, the GPL, is not that of the tarball.
   Nothing is lost: sclip reads TIFFs by rows, and those packed by JBIG have none. The names and shapes are jbig.h's. */
#include <stddef.h>

enum { kRefused = 8 }; /* JBG_EINVAL */

void jbg_dec_init(void* state) {
  (void)state;
}
void jbg_dec_free(void* state) {
  (void)state;
}
int jbg_dec_in(void* state, unsigned char* data, size_t size, size_t* used) {
  (void)state, (void)data, (void)size;
  if (used != NULL) *used = 0;
  return kRefused;
}
int jbg_newlen(unsigned char* data, size_t size) {
  (void)data, (void)size;
  return kRefused;
}
unsigned long jbg_dec_getsize(const void* state) {
  (void)state;
  return 0;
}
unsigned char* jbg_dec_getimage(const void* state, int plane) {
  (void)state, (void)plane;
  return NULL;
}
const char* jbg_strerror(int number) {
  (void)number;
  return "this build of sclip does without JBIG";
}
void jbg_enc_init(void* state, unsigned long width, unsigned long height, int planes, unsigned char** plane,
                  void (*write)(unsigned char*, size_t, void*), void* file) {
  (void)state, (void)width, (void)height, (void)planes, (void)plane, (void)write, (void)file;
}
void jbg_enc_out(void* state) {
  (void)state;
}
void jbg_enc_free(void* state) {
  (void)state;
}
