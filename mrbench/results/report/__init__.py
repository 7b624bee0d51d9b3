"""`mrbench report`: one HTML file about many runs, and the plots of `mrbench show --plot`.

gather reads the runs, iterations and machine turn their files into series, a module for each kind
of figure turns those into figures, and page writes the file.

plotly.js draws the figures in the browser. The basic bundle lies in plotly/, as no Python package
has it: with the bundle in plotly's wheel, which also draws maps and 3D, a page is 3.6 MB larger.
uPlot is smaller still, but draws on a canvas, which prints as pixels. Vega compiles each figure
anew in the browser, and its legends toggle nothing without extra code.
"""
