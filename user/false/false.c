// false: status 1, no output.
int main(void) {
  return 1;
}
