/*
 * report_tool.c - report_tool FOLDER: writes what a run leaves for a person, from its journal.
 */
#include "base/log.h"
#include "report/report.h"

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc == 2 && report_write(argv[1], &err))
        return 0;
    log_error(&err);
    return 1;
}
