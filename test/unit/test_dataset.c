#include "test/support/support.h"
int main(void){return 0;}
